// Calls of C, which calls Go back.
package c

// int through(int n);
import "C"

// Set once, before the first call.
var Back func(n int) int

//export soakbox_back
func soakbox_back(n C.int) C.int { return C.int(Back(int(n))) }

func Call(n int) int { return int(C.through(C.int(n))) }
