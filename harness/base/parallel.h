// The one way to use several cores. Bodies write disjoint places; a reduction is over fixed chunks,
// added in order; so no result depends on the number of threads.
#pragma once

#include <cstddef>
#include <functional>

namespace evalharness {

// Threads that parallel_for uses, the caller included. At start: the number of cores this process
// may run on. Setting it is for main and tests, not while a parallel_for runs.
size_t thread_count();
void set_thread_count(size_t threads);

// Calls body(0) .. body(n-1), each once, on any thread, in any order; returns when all are done.
// The first exception (lowest index) is thrown again here. A call from inside a body runs serially.
// Idle workers spin for some microseconds, then sleep: none is busy beyond a call.
void parallel_for(size_t n, const std::function<void(size_t)>& body);

// A small number, below thread_count(), that no other running body has: the place of a thread's
// scratch.
size_t worker_index();

}  // namespace evalharness
