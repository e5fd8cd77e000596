// admission_review FILE COUNT - reads, decides and answers the review in FILE that many times, without a server around
// it. `answer` is what `run --count` counts the instructions of.
#include "webhook/review.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "webhook/admission.hpp"

extern "C" __attribute__((noinline)) std::size_t answer(const std::string& text) {
  const auto review = webhook::decode_review(text);
  if (!review) return 0;
  const auto judgement = webhook::judge(*review, webhook::Endpoint::mutate);
  return webhook::encode_answer(review->uid, judgement.verdict).size();
}

int main(int count, char** arguments) {
  if (count != 3) return 2;
  std::ifstream in(arguments[1]);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  for (int left = std::atoi(arguments[2]); left > 0; --left) {
    if (answer(text) == 0) return 1;
  }
  return 0;
}
