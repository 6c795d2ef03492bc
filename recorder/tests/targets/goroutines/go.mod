module example.com/goroutines.v2

go 1.19
