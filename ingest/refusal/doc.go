// Package refusal says why a request is not served, in the form in which the packages of ingest hand it on: a status of HTTP, a sentence that
// says what to do, and what goes with them. It is written as a problem document (RFC 9457). It starts no goroutine.
package refusal
