#pragma once
// EDO_SANITIZED: 1 when the address or the thread sanitizer watches, which then has to see every
// allocation and every call that reads or writes memory for us.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EDO_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EDO_SANITIZED 1
#endif
#endif
#if !defined(EDO_SANITIZED)
#define EDO_SANITIZED 0
#endif

// EDO_THREAD_SANITIZED: 1 when it is the thread sanitizer.
#if defined(__SANITIZE_THREAD__)
#define EDO_THREAD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDO_THREAD_SANITIZED 1
#endif
#endif
#if !defined(EDO_THREAD_SANITIZED)
#define EDO_THREAD_SANITIZED 0
#endif
