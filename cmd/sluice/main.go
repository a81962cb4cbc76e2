// Command sluice turns a browser's webcam into HLS and DASH.
package main

func main() {}
