// Package service joins the stages: publishers that package ingest receives, a broadcast for each stream, and the packager that serves
// what the broadcasts make.
//
// It turns the configuration into the options of each stage. It serves no HTTP and prints nothing but its log; what the HTTP API
// tells of streams it reads from the broadcasts that are found here.
//
// [Service.Run] owns all goroutines: that of the packager, that of ingest, and one for each stream, which opens the stream's timeline
// and carries its broadcast. No lock is held while the disk is waited for.
package service
