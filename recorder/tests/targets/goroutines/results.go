// Functions with errors after results of all kinds. Each fails for odd numbers, and counts its calls and failures.
package main

import (
	"fmt"
	"sync"
)

type pair struct {
	n    int
	text string
}

type nested struct {
	first pair
	ratio float32
	one   [1]pair
	empty struct{}
}

type number_error int

func (e *number_error) Error() string { return "an odd number" }

// Counts a call; returns its error.
func outcome(n int) error {
	begun.Add(1)
	grow(n % 30)
	finished.Add(1)
	if n%2 == 1 {
		failures.Add(1)
		if n%3 == 0 {
			// An error whose value is nil is an error all the same.
			return (*number_error)(nil)
		}
		return fmt.Errorf("%d: %w", n, failure)
	}
	return nil
}

//go:noinline
func only(n int) error { return outcome(n) }

//go:noinline
func after_int(n int) (int, error) { return n, outcome(n) }

//go:noinline
func after_string(n int) (string, error) { return "text", outcome(n) }

//go:noinline
func after_slice(n int) ([]int, error) { return make([]int, n), outcome(n) }

//go:noinline
func after_float(n int) (float64, complex128, error) { return float64(n), complex(1, 2), outcome(n) }

//go:noinline
func after_pointers(n int) (*pair, map[string]int, chan int, func() int, error) {
	return &pair{n, ""}, nil, nil, func() int { return n }, outcome(n)
}

//go:noinline
func after_interfaces(n int) (any, fmt.Stringer, bool, error) { return n, nil, true, outcome(n) }

//go:noinline
func after_struct(n int) (pair, error) { return pair{n, "text"}, outcome(n) }

//go:noinline
func after_nested(n int) (nested, byte, error) { return nested{}, 1, outcome(n) }

// An array of two or more is on the stack, and what follows is in registers.
//
//go:noinline
func after_array(n int) ([2]int, int, error) { return [2]int{n, 2}, n, outcome(n) }

//go:noinline
func after_seven(n int) (a, b, c, d, e, f, g int, err error) {
	return n, 2, 3, 4, 5, 6, 7, outcome(n)
}

// The error does not fit into the registers.
//
//go:noinline
func after_eight(n int) (a, b, c, d, e, f, g, h int, err error) {
	return n, 2, 3, 4, 5, 6, 7, 8, outcome(n)
}

// Changes its error on the way out, or gets it from a panic.
//
//go:noinline
func after_panic(n int) (text string, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = reason.(error)
		}
	}()
	if err := outcome(n); err != nil {
		panic(err)
	}
	return "text", nil
}

type padded struct {
	_    int32
	n    int
	zero [0]int
	_    string
}

// Blank members need registers as others do.
//
//go:noinline
func after_padded(n int) (padded, error) { return padded{n: n}, outcome(n) }

//go:noinline
func after_empty(n int) (struct{}, [0]int, [2]struct{}, error) {
	return struct{}{}, [0]int{}, [2]struct{}{}, outcome(n)
}

// The struct does not fit into the registers that are left, and what follows does.
//
//go:noinline
func after_overflow(n int) (a, b, c, d, e, f int, all nested, g bool, err error) {
	return n, 2, 3, 4, 5, 6, nested{}, true, outcome(n)
}

type ratios struct {
	a, b, c, d, e float64
	n             int
}

// Too large for the compiler to keep it in registers, and returned in registers.
//
//go:noinline
func after_ratios(n int) (ratios, error) { return ratios{n: n}, outcome(n) }

// More floating-point numbers than there are registers for them.
//
//go:noinline
func after_floats(n int) ([1][1]float64, struct{ a, b, c, d, e, f, g, h complex128 }, *int, error) {
	return [1][1]float64{}, struct{ a, b, c, d, e, f, g, h complex128 }{}, nil, outcome(n)
}

//go:noinline
func after_blanks(n int) (_ int, _ string, err error) { return n, "text", outcome(n) }

//go:noinline
func blanks(n int) (_ int, _ string, _ error) { return n, "text", outcome(n) }

var kept *error

// Its error is on the heap while it runs.
//
//go:noinline
func escapes(n int) (text string, err error) {
	mutex.Lock()
	defer mutex.Unlock()
	kept = &err
	*kept = outcome(n)
	return "text", *kept
}

var mutex sync.Mutex

// Inlined where they are called by name, and with code of their own where they are not.
func inlined(n int) (string, error)                         { return "text", outcome(n) }
func inlined_named(n int) (text string, err error)          { return "text", outcome(n) }
func inlined_blank(n int) (_ string, err error)             { return "text", outcome(n) }
func inlined_blanks(n int) (text string, _ bool, err error) { return "text", true, outcome(n) }
func inlined_ratios(n int) (all ratios, _ ratios, err error) {
	return ratios{n: n}, ratios{}, outcome(n)
}

//go:noinline
func inlines(n int) (float64, int, error) {
	inlined(n)
	inlined_named(n)
	inlined_blank(n)
	inlined_blanks(n)
	inlined_ratios(n)
	return 1, n, nil
}

// Calls a function that the compiler does not know.
//
//go:noinline
func call(function any, n int) {
	switch function := function.(type) {
	case func(int) (string, error):
		function(n)
	case func(int) (string, bool, error):
		function(n)
	case func(int) (ratios, ratios, error):
		function(n)
	}
}

//go:noinline
func makes_closure(text string) func(n int) (string, error) {
	return func(n int) (string, error) { return text, outcome(n) }
}

type valued struct{ text string }

//go:noinline
func (v valued) method(n int) (string, bool, error) { return v.text, true, outcome(n) }

//go:noinline
func (v valued) other(n int) (string, bool, error) { return v.text, true, outcome(n) }

// In assembly, which counts nothing.
func assembly(n int) (int, error)

//go:noinline
func no_error(n int) int { return n }

//go:noinline
func error_first(n int) (error, int) { return outcome(n), n }

type own interface{ Error() string }

// No error by its type, although its value is one.
//
//go:noinline
func own_error(n int) (int, own) { return n, outcome(n) }

//go:noinline
func nothing(n int) { outcome(n) }

type store[T any] struct{ values []T }

// One body for each shape, with the error in the same register.
//
//go:noinline
func (s *store[T]) after_pointer(n int) (*T, error) { return nil, outcome(n) }

// One body for each shape, with the error in different registers.
//
//go:noinline
func after_any[T any](n int) (value T, err error) { return value, outcome(n) }

var results = map[string]func(n int){
	"only":             func(n int) { only(n) },
	"after_int":        func(n int) { after_int(n) },
	"after_string":     func(n int) { after_string(n) },
	"after_slice":      func(n int) { after_slice(n) },
	"after_float":      func(n int) { after_float(n) },
	"after_pointers":   func(n int) { after_pointers(n) },
	"after_interfaces": func(n int) { after_interfaces(n) },
	"after_struct":     func(n int) { after_struct(n) },
	"after_nested":     func(n int) { after_nested(n) },
	"after_array":      func(n int) { after_array(n) },
	"after_seven":      func(n int) { after_seven(n) },
	"after_eight":      func(n int) { after_eight(n) },
	"after_panic":      func(n int) { after_panic(n) },
	"after_padded":     func(n int) { after_padded(n) },
	"after_empty":      func(n int) { after_empty(n) },
	"after_overflow":   func(n int) { after_overflow(n) },
	"after_ratios":     func(n int) { after_ratios(n) },
	"inlined_ratios":   func(n int) { call(inlined_ratios, n) },
	"after_floats":     func(n int) { after_floats(n) },
	"after_blanks":     func(n int) { after_blanks(n) },
	"blanks":           func(n int) { blanks(n) },
	"escapes":          func(n int) { escapes(n) },
	"inlined":          func(n int) { call(inlined, n) },
	"inlined_named":    func(n int) { call(inlined_named, n) },
	"inlined_blank":    func(n int) { call(inlined_blank, n) },
	"inlined_blanks":   func(n int) { call(inlined_blanks, n) },
	"inlines":          func(n int) { inlines(n) },
	"closure_result":   func(n int) { makes_closure("text")(n) },
	"method":           func(n int) { valued{"text"}.method(n) },
	"method_value":     func(n int) { call(valued{"text"}.other, n) },
	"assembly":         func(n int) { assembly(n) },
	"no_error":         func(n int) { no_error(n) },
	"error_first":      func(n int) { error_first(n) },
	"own_error":        func(n int) { own_error(n) },
	"nothing":          func(n int) { nothing(n) },
	"after_pointer":    func(n int) { (&store[int]{}).after_pointer(n); (&store[string]{}).after_pointer(n + 1) },
	"after_any":        func(n int) { after_any[int](n); after_any[string](n) },
}
