// Models write, and nothing says what is right: how far a compressed model's answer is from the dense
// one's is measured where both are known (harness/run/agreement.h).
//
//     task: vicuna_instructions
//     output_type: agreement
//     doc_to_text: "{{ turns[0] }}"
//     generation_kwargs: {until: ["###"], max_gen_toks: 256}

#include "tasks/kind.h"

namespace evalharness {
namespace {

class AgreementKind final : public Kind {
 public:
  AgreementKind(const TaskConfig& config, const Prompts& prompts) : config_(config), prompts_(prompts) {}

  std::vector<Request> requests(const Document& doc) const override {
    return {generation_request(config_, prompts_, doc)};
  }
  std::vector<Item> score(const Document&, const std::vector<Answer>&) const override { return {}; }

 private:
  const TaskConfig& config_;
  const Prompts& prompts_;
};

}  // namespace

KindPtr make_agreement(const TaskConfig& config, const Prompts& prompts) {
  return std::make_unique<AgreementKind>(config, prompts);
}

}  // namespace evalharness
