// A user's program that is compiled without run-time type information, and with all warnings as
// errors: as many templates of the library as fit in a page.
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include <edo/edo.h>

using namespace std::chrono_literals;

namespace {

edo::task<> produce(edo::sync::mpsc::sender<std::string> to) {
    for (const char* text : {"a", "bc", "def"}) {
        auto sent = co_await to.send(text);
        if (!sent) co_return;
    }
}

edo::task<std::size_t> count_letters(edo::sync::mpsc::receiver<std::string> from) {
    std::size_t letters = 0;
    while (auto text = co_await from.recv())
        letters += text->size();
    co_return letters;
}

edo::task<int> add(std::reference_wrapper<edo::sync::mutex<int>> sum, int n) {
    auto guard = co_await sum.get().lock();
    *guard += n;
    co_return *guard;
}

edo::task<edo::result<int>> work() {
    auto [to, from] = edo::sync::mpsc::channel<std::string>(1);
    edo::task_group group;
    group.spawn(produce, std::move(to));
    auto counting = group.spawn(count_letters, std::move(from));
    co_await edo::or_return(group.join());
    const int letters = static_cast<int>(counting.take());

    edo::sync::mutex<int> sum(letters);
    co_await edo::join(add(std::ref(sum), 10), add(std::ref(sum), 20));
    const auto first =
        co_await edo::select(edo::sleep(1h), edo::timeout(1s, add(std::ref(sum), 6)));
    if (first.index() != 1) co_return edo::errc::timed_out;
    co_return co_await edo::spawn_blocking([](int n) { return n; }, *std::get<1>(first));
}

}  // namespace

int main() {
    auto built = edo::runtime::builder().worker_threads(2).build();
    if (!built) return 1;
    const auto answer = built->block_on(work());
    std::printf("strict: the answer is %d\n", answer.value_or(0));
}
