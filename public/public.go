// Package public holds the web pages and their embedding.
package public
