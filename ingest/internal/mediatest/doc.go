// Package mediatest makes tracks of the codecs that are taken, and delivers to them. Only tests import it.
package mediatest
