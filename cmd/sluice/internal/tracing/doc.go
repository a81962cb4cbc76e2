// Package tracing tells a collector of OpenTelemetry, over OTLP (HTTP with JSON), how long things take: a request, and a part from its
// capture until viewers can have it.
//
// One of so many is traced (Options.Every). A request that belongs to a trace already (W3C Trace Context, level 1) is part of it where the
// trace's number is one of those, so that a proxy which samples likewise and this service agree; whether a client wants to be traced is not
// its own to say. Of a request there is the route, never the path or the query, which may have keys in them.
//
// What is finished waits for the collector, 2048 spans at most, and is sent every five seconds; more are dropped. A collector that is away
// costs nothing else. Sampling and queue are go.opentelemetry.io/otel/sdk's. Its exporter is not used: it brings gRPC and Protocol
// Buffers, twice the program's size, for a request of JSON.
//
// Specifications: OTLP 1 (JSON Protobuf Encoding), W3C Trace Context, OpenTelemetry semantic conventions for HTTP.
//
// Goroutines: one that sends, until Close.
package tracing
