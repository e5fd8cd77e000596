#include "reconciler/sample/fetch.hpp"

#include <chrono>
#include <utility>

#include "common/base/json.hpp"

namespace reconciler {
namespace {

constexpr Terms kTerms{.connect_for = std::chrono::milliseconds{500}, .patience = std::chrono::milliseconds{1500}};

base::Result<std::string> read(const Question& question, Answer answer) {
  const auto where = question.url();
  if (answer.end == Answer::End::not_connected)
    return base::fail("cannot connect: " + base::errno_text(answer.error), where);
  if (answer.end != Answer::End::complete) return base::fail("no answer, or it was cut or took too long", where);
  if (answer.status == 200) return std::move(answer.body);
  const auto parsed = base::parse_json(answer.body, question.path);
  const auto reason = parsed ? base::string_at(*parsed, {"error"}) : std::string{};
  return base::fail(reason.empty() ? "status " + std::to_string(answer.status) : reason, where);
}

}  // namespace

void fetch_from_pods(const std::vector<Question>& questions, const PodAnswered& answered) {
  ask_all(questions, kTerms, [&](std::size_t i, Answer answer) { answered(i, read(questions[i], std::move(answer))); });
}

}  // namespace reconciler
