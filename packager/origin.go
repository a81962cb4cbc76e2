package packager

import "net/http"

// ServeLive answers GET and HEAD on /live/{stream}/{file...}; it reads the path values "stream" and "file".
func (p *Packager) ServeLive(w http.ResponseWriter, r *http.Request) {}

// ServeRecordingsList answers /recordings with JSON: {"recordings": [RecordingInfo…]}, newest first.
func (p *Packager) ServeRecordingsList(w http.ResponseWriter, r *http.Request) {}

// ServeRecordings answers GET and HEAD on /recordings/{stream}/{recording}/{file}, with ranges; it reads those path values.
func (p *Packager) ServeRecordings(w http.ResponseWriter, r *http.Request) {}
