#pragma once

/// What a library has seen of its own tasks.
struct use_of_edo {
    int sum;
    int failures_heard;
    int tasks_thrown;
};

/// Runs so many tasks in a runtime of the library's own, beside as many that fail.
extern "C" use_of_edo use_edo_in_one(int tasks);
extern "C" use_of_edo use_edo_in_two(int tasks);
