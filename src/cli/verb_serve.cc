// rift serve: one node in this process.
#include <CLI/CLI.hpp>

#include "cli/verbs.h"
#include "server/serve.h"

namespace rift::cli {

void add_serve(CLI::App& app, Context& context) {
  auto options = std::make_shared<server::ServeOptions>();
  CLI::App* verb = app.add_subcommand("serve", "Run one node");
  verb->add_option("--config", options->config_path, "Configuration file (TOML)")->check(CLI::ExistingFile);
  verb->add_option("--set", options->overrides,
                   "Override one key of the configuration:  --set node.listen=127.0.0.1:7001")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->callback([&context, options] { context.exit = server::serve(*options) == 0 ? Exit::done : Exit::usage; });
}

}  // namespace rift::cli
