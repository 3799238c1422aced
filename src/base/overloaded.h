// overloaded{...}: several lambdas as one visitor for std::visit, without a default arm.
#pragma once

namespace rift {

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};
template <class... F>
overloaded(F...) -> overloaded<F...>;

}  // namespace rift
