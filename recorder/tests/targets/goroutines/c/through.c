int soakbox_back(int n);

/* Calls Go, and does something afterwards, so that it is no tail call. */
int through(int n) { return soakbox_back(n) + 1; }
