// Package access answers one question in one place: who may do what, and until when (Gate.May). Four sources of rights answer it, as far as
// they are there: static keys, JSON Web Tokens (RFC 7519, RFC 7517), an HTTP callback, and keys that are made and revoked while it runs. What none of them is configured for is open
// to everybody. How a request carries a token (RFC 6750) is known here too; what becomes of a request that has no right is said by its handler.
//
// The package starts no goroutine but the callback's requests, each of which ends within the callback's time-out.
package access
