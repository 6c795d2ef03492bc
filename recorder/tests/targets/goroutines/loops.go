//go:build go1.23

// Loops over functions, with returns in them.
package main

func numbers(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := 0; i < n%9+2 && yield(i); i++ {
		}
	}
}

// All results get names that are not in the debug information.
//
//go:noinline
func loops(n int) (string, error) {
	for i := range numbers(n) {
		if i == 1 {
			return "text", outcome(n)
		}
	}
	return "", nil
}

// Its error has a name, and the result before it has none.
//
//go:noinline
func loops_blank(n int) (_ string, err error) {
	for i := range numbers(n) {
		if i == 1 {
			err = outcome(n)
			return "text", err
		}
	}
	return
}

// No return is in the loop.
//
//go:noinline
func loops_through(n int) (string, error) {
	sum := 0
	for i := range numbers(n) {
		sum += i
	}
	return "text", outcome(n + sum - sum)
}

func init() {
	results["loops"] = func(n int) { loops(n) }
	results["loops_blank"] = func(n int) { loops_blank(n) }
	results["loops_through"] = func(n int) { loops_through(n) }
}
