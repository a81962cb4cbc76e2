// Package offertest holds offers of clients in use, and parts of fragments. Only tests import it.
package offertest
