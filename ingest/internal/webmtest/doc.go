// Package webmtest records WebM as a browser does. Only tests import it.
package webmtest
