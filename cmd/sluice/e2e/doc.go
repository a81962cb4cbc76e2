// Package e2e holds the tests of the whole program: they build it, run it as its users do, publish into it from pion and
// from Chromium, and look at and listen to what comes out. It has no code of its own beside the tests.
package e2e
