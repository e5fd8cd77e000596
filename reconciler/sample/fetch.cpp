#include "reconciler/sample/fetch.hpp"

#include <chrono>
#include <utility>

#include "common/base/json.hpp"
#include "reconciler/sample/exchange.hpp"

namespace reconciler {
namespace {

constexpr std::chrono::milliseconds kConnectFor{500};
constexpr std::chrono::milliseconds kPatience{1500};

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

void fetch_from_pods(const std::vector<PodQuestion>& questions, const PodAnswered& answered) {
  std::vector<Question> asked;
  asked.reserve(questions.size());
  for (const auto& [ip, port, path] : questions)
    asked.push_back({.ip = ip, .port = port, .path = path, .connect_for = kConnectFor, .patience = kPatience});
  ask_all(asked, [&](std::size_t i, Answer answer) { answered(i, read(asked[i], std::move(answer))); });
}

}  // namespace reconciler
