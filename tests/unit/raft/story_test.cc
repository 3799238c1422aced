// Runs story/*.txt: blocks of commands, `----`, what they print, an empty line. `raft_test --rewrite` writes what is printed now
// into the files, for a reader to judge by the diff.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/overloaded.h"
#include "cluster.h"

namespace rift::raft::test {
namespace {

std::string describe(const Message& message) {
  const auto number = [](auto id) { return std::to_string(id.value()); };
  const auto body = overloaded{
      [&](const PreVote& m) {
        return "PreVote for t" + number(m.term) + " last " + number(m.last_index) + "/t" + number(m.last_term);
      },
      [&](const PreVoteReply& m) {
        return std::string("PreVoteReply ") + (m.granted ? "yes" : "no") + " to t" + number(m.campaign);
      },
      [&](const Vote& m) {
        return "Vote t" + number(m.term) + " last " + number(m.last_index) + "/t" + number(m.last_term);
      },
      [&](const VoteReply& m) { return "VoteReply t" + number(m.term) + (m.granted ? " yes" : " no"); },
      [&](const Append& m) {
        return "Append t" + number(m.term) + " after " + number(m.prev_index) + "/t" + number(m.prev_term) + " +" +
               std::to_string(m.entries.size()) + " commit " + number(m.commit);
      },
      [&](const AppendAck& m) {
        if (m.accepted) return "AppendAck t" + number(m.term) + " match " + number(m.match);
        return "AppendAck t" + number(m.term) + " no " + number(m.rejected_prev) + ", try " + number(m.hint_index) +
               "/t" + number(m.hint_term);
      },
      [&](const Heartbeat& m) {
        return "Heartbeat t" + number(m.term) + " commit " + number(m.commit) + " read " +
               std::to_string(m.read_position);
      },
      [&](const HeartbeatAck& m) {
        return "HeartbeatAck t" + number(m.term) + " read " + std::to_string(m.read_position);
      },
      [&](const TimeoutNow& m) { return "TimeoutNow t" + number(m.term); },
  };
  return std::visit(body, message);
}

class Stage {
 public:
  // One command line; what it prints, each line ended.
  std::string run(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    out_.str("");
    act(verb, words);
    return out_.str();
  }

 private:
  static std::uint32_t node(std::istringstream& words) {
    std::string name;
    words >> name;
    return name.size() > 1 ? static_cast<std::uint32_t>(std::stoul(name.substr(1))) : 0;
  }

  void act(const std::string& verb, std::istringstream& words) {
    if (verb == "cluster") return found(words);
    if (verb == "status") return status();
    if (verb == "network") return list_network();
    if (verb == "settle") return cluster_->settle();
    if (verb == "drop") return cluster_->network.clear();
    if (verb == "heal") return cluster_->heal();
    if (verb == "deliver") return deliver(words);
    if (verb == "advance") return advance(words);
    const std::uint32_t id = node(words);
    if (verb == "log") return print_log(id);
    if (verb == "events") return events(id);
    if (verb == "timeout") return wake(id, 1s);
    if (verb == "beat") return wake(id, 0s);
    if (verb == "propose") return propose(id, words);
    if (verb == "read") return read(id);
    if (verb == "sync") return cluster_->sync(id);
    if (verb == "isolate") return cluster_->isolate(id);
    if (verb == "cut") return cluster_->cut_both(id, node(words));
    if (verb == "kill") return cluster_->kill(id);
    if (verb == "power_loss") return cluster_->power_loss(id);
    if (verb == "restart") return cluster_->restart(id);
    if (verb == "transfer") return transfer(id, node(words));
    if (verb == "add") return cluster_->add_node(id);
    if (verb == "change") return change(id, words);
    if (verb == "config") return config(id);
    if (verb == "compact") return cluster_->compact(id);
    out_ << "unknown command\n";
  }

  void found(std::istringstream& words) {
    std::uint32_t size = 0;
    std::string mode;
    words >> size >> mode;
    cluster_ = std::make_unique<Cluster>(size);
    cluster_->auto_sync = mode != "manual_sync";
  }

  void status() {
    for (std::uint32_t id = 1; id <= cluster_->size(); ++id) {
      out_ << "n" << id << " ";
      if (!cluster_->is_up(id)) {
        out_ << "down\n";
        continue;
      }
      const Raft& raft = cluster_->raft(id);
      out_ << to_string(raft.role()) << " t" << raft.term().value() << " leader n" << raft.leader().value()
           << " commit " << raft.commit().value() << " durable " << raft.durable().value() << " last "
           << raft.last_index().value() << "\n";
    }
  }

  void list_network() {
    for (const Envelope& envelope : cluster_->network) {
      out_ << to_string(envelope.from) << "->" << to_string(envelope.to) << " "
           << (envelope.snapshot ? "Snapshot up to " + std::to_string(envelope.snapshot->index.value())
                                 : describe(envelope.message))
           << "\n";
    }
  }

  // "deliver n1 n2": everything between the two that is on its way now, in order.
  void deliver(std::istringstream& words) {
    const NodeId from(node(words));
    const NodeId to(node(words));
    std::vector<Envelope> wanted;
    std::deque<Envelope> rest;
    for (Envelope& envelope : cluster_->network) {
      if (envelope.from == from && envelope.to == to) {
        wanted.push_back(std::move(envelope));
      } else {
        rest.push_back(std::move(envelope));
      }
    }
    cluster_->network = std::move(rest);
    for (Envelope& envelope : wanted) cluster_->step(std::move(envelope));
  }

  void advance(std::istringstream& words) {
    int milliseconds = 0;
    words >> milliseconds;
    cluster_->advance(std::chrono::milliseconds(milliseconds));
  }

  void print_log(std::uint32_t id) {
    for (const Entry& entry : cluster_->node(id).visible.log) {
      out_ << entry.index.value() << " t" << entry.term.value() << " " << to_string(entry.kind);
      if (entry.kind == EntryKind::command) out_ << " " << entry.payload.view();
      out_ << "\n";
    }
  }

  void events(std::uint32_t id) {
    for (const RoleChange& change : cluster_->node(id).changes) {
      out_ << to_string(change.role) << " t" << change.term.value() << " leader n" << change.leader.value() << ": "
           << to_string(change.reason) << "\n";
    }
    cluster_->node(id).changes.clear();
    for (const Superseded& fate : cluster_->node(id).superseded) {
      out_ << "superseded t" << fate.term.value() << " " << fate.first.value() << ".." << fate.last.value() << "\n";
    }
    cluster_->node(id).superseded.clear();
    for (const ReadReady& read : cluster_->node(id).reads_ready) {
      out_ << "read " << read.position.number << " ready at " << read.index.value() << "\n";
    }
    cluster_->node(id).reads_ready.clear();
    for (const ReadPosition& read : cluster_->node(id).reads_failed) out_ << "read " << read.number << " failed\n";
    cluster_->node(id).reads_failed.clear();
  }

  // Its timer fires, at the earliest after `wait`: long enough that nobody else has heard of a leader lately, or just a beat.
  void wake(std::uint32_t id, Duration wait) {
    cluster_->now = std::max(cluster_->now + wait, cluster_->raft(id).next_wake());
    cluster_->tick(id);
    cluster_->flush(id);
  }

  void propose(std::uint32_t id, std::istringstream& words) {
    std::vector<std::string> payloads;
    for (std::string word; words >> word;) payloads.push_back(word);
    const auto proposed = cluster_->propose(id, payloads);
    if (!proposed) {
      out_ << to_string(proposed.error().code) << "\n";
      return;
    }
    out_ << "t" << proposed->term.value() << " from " << proposed->first.value() << "\n";
    cluster_->flush(id);
  }

  void read(std::uint32_t id) {
    const auto position = cluster_->read(id);
    out_ << (position ? "position " + std::to_string(position->number) : std::string(to_string(position.error().code)))
         << "\n";
    if (position) cluster_->flush(id);
  }

  void transfer(std::uint32_t id, std::uint32_t to) {
    const auto started = cluster_->raft(id).transfer(NodeId(to), cluster_->context(id));
    if (!started) out_ << to_string(started.error().code) << "\n";
    cluster_->flush(id);
  }

  // "change n1 n1 n2 learners n3"
  void change(std::uint32_t id, std::istringstream& words) {
    Config wish;
    std::vector<NodeId>* list = &wish.voters;
    for (std::string word; words >> word;) {
      if (word == "learners") {
        list = &wish.learners;
      } else {
        list->emplace_back(static_cast<std::uint32_t>(std::stoul(word.substr(1))));
      }
    }
    const auto changed = cluster_->change(id, wish);
    out_ << (changed ? "entry " + std::to_string(changed->value()) : std::string(to_string(changed.error().code)))
         << "\n";
  }

  void config(std::uint32_t id) {
    const auto list = [&](const char* name, const std::vector<NodeId>& nodes) {
      if (nodes.empty()) return;
      out_ << " " << name;
      for (const NodeId node : nodes) out_ << " " << to_string(node);
    };
    out_ << "n" << id;
    const Raft& raft = cluster_->raft(id);
    if (raft.config() == nullptr) {
      out_ << " none\n";
      return;
    }
    list("voters", raft.config()->voters);
    list("outgoing", raft.config()->outgoing);
    list("learners", raft.config()->learners);
    out_ << (raft.config_settled() ? " settled\n" : "\n");
  }

  std::unique_ptr<Cluster> cluster_;
  std::ostringstream out_;
};

// The file as it should be: comments and commands as they stand, output as it is now.
std::string perform(const std::string& story) {
  Stage stage;
  std::istringstream lines(story);
  std::ostringstream result;
  std::string output;
  bool expected = false;
  for (std::string line; std::getline(lines, line);) {
    if (expected) {
      expected = !line.empty();
      if (!expected) result << "\n";
      continue;
    }
    result << line << "\n";
    if (line == "----") {
      result << output;
      output.clear();
      expected = true;
    } else if (!line.empty() && line.front() != '#') {
      output += stage.run(line);
    }
  }
  return result.str();
}

bool is_rewriting() {
  const auto arguments = ::testing::internal::GetArgvs();
  return std::find(arguments.begin(), arguments.end(), "--rewrite") != arguments.end();
}

TEST(RaftStory, EveryStoryEndsAsWritten) {
  int stories = 0;
  for (const auto& file : std::filesystem::directory_iterator(RIFT_SOURCE_DIR "/tests/unit/raft/story")) {
    if (file.path().extension() != ".txt") continue;
    SCOPED_TRACE(file.path().filename());
    std::ostringstream written;
    written << std::ifstream(file.path()).rdbuf();
    const std::string performed = perform(written.str());
    ++stories;
    if (is_rewriting()) {
      std::ofstream(file.path()) << performed;
      continue;
    }
    EXPECT_EQ(performed, written.str());
  }
  EXPECT_GE(stories, 5);
}

}  // namespace
}  // namespace rift::raft::test
