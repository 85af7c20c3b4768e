#include "tasks/task.h"

#include <filesystem>
#include <map>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/kind.h"
#include "tasks/task_file.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;

// A task of lm-evaluation-harness: a document a row.
class RowTask final : public Task {
 public:
  explicit RowTask(TaskConfig config)
      : config_(std::move(config)),
        info_(info_of(config_)),
        prompts_(config_),
        kind_(make_kind(config_, prompts_)) {}

  const TaskInfo& info() const override { return info_; }

  void use_chat(const Chat& chat) override {
    if (config_.kind == TaskConfig::Kind::kRolling) return;
    prompts_.use_chat(chat);
    info_.protocol = info_of(config_).protocol + chat.protocol();
  }

  TaskDocuments documents(const Dataset& data, const Dataset& fewshot,
                          const Limit& limit) override {
    std::vector<Document> rows = config_.transforms.apply(data.documents);
    TaskDocuments found{{}, limited_rows(rows.size(), limit), rows.size(), {}};
    if (data.documents.size() > rows.size()) found.skipped["transforms"] = data.documents.size() - rows.size();
    if (rows.size() > found.ids.size()) found.skipped["limit"] = rows.size() - found.ids.size();
    // Draws for a document depend on those before it: what stands behind the last is not needed.
    rows.resize(found.ids.empty() ? 0 : found.ids.back() + 1);
    prompts_.prepare(rows, config_.fewshot.transforms.apply(fewshot.documents));
    for (const size_t i : found.ids) {
      kind_->check(rows[i]);
      found.asked.push_back(std::move(rows[i]));
    }
    return found;
  }

  std::vector<Request> requests(const Document& doc) const override { return kind_->requests(doc); }

  std::vector<Item> score(const Document& doc, const std::vector<Answer>& answers) const override {
    return kind_->score(doc, answers);
  }

  Value target(const Document& doc) const override {
    if (!config_.doc_to_target) return "";
    return target_of(*config_.doc_to_target, doc, config_.doc_to_choice.has_value());
  }

 private:
  const TaskConfig config_;
  TaskInfo info_;
  Prompts prompts_;
  const KindPtr kind_;
};

TaskPtr make_from(const TaskFile& file, const TaskOptions& options) {
  return make_task(read_task_config(file), options);
}

bool is_task_file(const fs::path& path) {
  return path.extension() == ".yaml" && !path.stem().string().starts_with("_");
}

// Name -> path below tasks/, in whatever folder it lies.
std::map<std::string, fs::path> task_files() {
  std::map<std::string, fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(tasks_directory()))
    if (is_task_file(entry.path()))
      files.emplace(entry.path().stem().string(), fs::relative(entry.path(), tasks_directory()));
  return files;
}

}  // namespace

KindPtr make_kind(const TaskConfig& config, const Prompts& prompts) {
  switch (config.kind) {
    case TaskConfig::Kind::kMultipleChoice:
      return make_choice(config, prompts);
    case TaskConfig::Kind::kLogLikelihood:
      return make_cloze(config, prompts);
    case TaskConfig::Kind::kRolling:
      return make_rolling(config);
    case TaskConfig::Kind::kGenerate:
      return make_generate(config, prompts);
    case TaskConfig::Kind::kAgreement:
      return make_agreement(config, prompts);
    case TaskConfig::Kind::kPerplexity:
      break;
  }
  EH_ASSERT(false);
}

std::string tasks_directory() { return (fs::path(home_directory()) / "tasks").string(); }

TaskPtr make_task(TaskConfig config, const TaskOptions& options) {
  FewshotConfig& fewshot = config.fewshot;
  if (options.keyed_fewshot && fewshot.sampler == FewshotConfig::Sampler::kDefault)
    fewshot.sampler = FewshotConfig::Sampler::kKeyed;
  if (config.kind == TaskConfig::Kind::kPerplexity) return make_perplexity(std::move(config));
  return std::make_unique<RowTask>(std::move(config));
}

TaskPtr make_task(const std::string& name_or_path, const TaskOptions& options) {
  if (name_or_path.ends_with(".yaml"))
    return make_from(TaskFile::load(name_or_path, name_or_path), options);
  const std::map<std::string, fs::path> files = task_files();
  const auto found = files.find(name_or_path);
  if (found == files.end())
    fail(cat("unknown task '", name_or_path, "'", did_you_mean(name_or_path, keys_of(files))));
  return make_from(TaskFile::load((fs::path(tasks_directory()) / found->second).string(),
                                  ("tasks" / found->second).string()),
                   options);
}

TaskPtr parse_task(const std::string& yaml, const std::string& name) {
  return make_from(TaskFile::parse(yaml, name), {});
}

std::vector<std::string> task_names() { return keys_of(task_files()); }

}  // namespace evalharness
