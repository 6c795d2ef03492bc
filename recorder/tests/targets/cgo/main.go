// Calls of C, also for its errors: odd numbers fail. It prints its counts as target.h says.
package main

// #include <errno.h>
// static int halve(int n) { errno = n % 2 ? EDOM : 0; return n / 2; }
import "C"

import "fmt"

//go:noinline
func halve(n int) (int, error) {
	result, err := C.halve(C.int(n))
	return int(result), err
}

func main() {
	calls, failures := 0, 0
	for n := 0; n < 101; n++ {
		calls++
		if _, err := halve(n); err != nil {
			failures++
		}
	}
	fmt.Printf("{\"begun\":%d,\"finished\":%d,\"failures\":%d,\"abandoned\":0,\"unmatched\":0}\n", calls, calls, failures)
}
