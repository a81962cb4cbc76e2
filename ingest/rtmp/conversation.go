package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/handshake"
)

const (
	sentChunk    = 8 << 10   // bytes of a chunk that we send: more than any message of ours has
	window       = 2_500_000 // bytes after which we are told that they have come; nobody waits for it
	mediaStream  = 1         // the number of the only message stream that is created
	maxCommands  = 64        // before one publishes
	maxSentence  = 1 << 10   // bytes of a description
	writeWithin  = 5 * time.Second
	pingRequest  = 6 // RTMP 1.0 §7.1.7
	pingResponse = 7
)

// errPlay says that a client wants to watch.
var errPlay = errors.New("streams are published over RTMP, and not played: watch over HLS, DASH or WebRTC")

// line is a connection to a client as far as it is written to.
type line struct {
	conn interface {
		io.Writer
		SetWriteDeadline(time.Time) error
	}
	mu sync.Mutex
}

// write writes messages.
func (l *line) write(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.conn.SetWriteDeadline(time.Now().Add(writeWithin))
	_, err := l.conn.Write(b)
	return err
}

// Write implements io.Writer.
func (l *line) Write(b []byte) (int, error) { return len(b), l.write(b) }

// command sends a command.
func (l *line) command(stream uint32, values ...any) error {
	body, err := amf0.Data(values).Marshal()
	if err != nil {
		return err
	}
	return l.write(appendMessage(nil, typeCommand, stream, body))
}

// status tells how the stream stands (RTMP 1.0 §7.2.2).
func (l *line) status(level, code, description string) error {
	return l.command(mediaStream, "onStatus", float64(0), nil, amf0.Object{
		{Key: "level", Value: level}, {Key: "code", Value: code}, {Key: "description", Value: description[:min(len(description), maxSentence)]},
	})
}

// control sends a message with one number.
func (l *line) control(kind byte, n uint32, more ...byte) error {
	return l.write(appendMessage(nil, kind, 0, append(binary.BigEndian.AppendUint32(nil, n), more...)))
}

// answerPing answers user control, if it is a ping.
func (l *line) answerPing(body []byte) error {
	if len(body) < 6 || binary.BigEndian.Uint16(body) != pingRequest {
		return nil
	}
	return l.write(appendMessage(nil, typeUserControl, 0, append([]byte{0, pingResponse}, body[2:6]...)))
}

// greet shakes hands, and hears what the client wants to publish.
func greet(in *chunkReader, out *line) (stream, key string, err error) {
	keys, _, err := handshake.DoServer(struct {
		io.Reader
		io.Writer
	}{in.in, out}, false)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("shake hands: %w", err)
	case keys != nil:
		return "", "", errors.New("RTMPE is not spoken: use RTMP, or RTMPS")
	}
	var app string
	for range maxCommands {
		m, err := in.next()
		if err != nil {
			return "", "", fmt.Errorf("read a command: %w", err)
		}
		c, ok := commandOf(m)
		if !ok {
			if m.kind == typeUserControl {
				err = out.answerPing(m.body)
			}
			if err != nil {
				return "", "", err
			}
			continue
		}
		switch c.name {
		case "connect":
			app = c.property("app")
			err = accept(out, c.transaction)
		case "createStream":
			err = out.command(0, "_result", c.transaction, nil, float64(mediaStream))
		case "publish":
			stream, key = target(app, c.text(1))
			return stream, key, nil
		case "play", "play2":
			_ = out.status("error", "NetStream.Play.Failed", errPlay.Error())
			return "", "", errPlay
		}
		if err != nil {
			return "", "", err
		}
	}
	return "", "", errors.New("the client does not publish")
}

// accept accepts a connection (RTMP 1.0 §7.2.1.1).
func accept(out *line, transaction float64) error {
	return errors.Join(
		out.control(typeWindow, window), out.control(typeBandwidth, window, 2), out.control(typeChunkSize, sentChunk),
		out.command(0, "_result", transaction,
			amf0.Object{{Key: "fmsVer", Value: "FMS/3,0,1,123"}, {Key: "capabilities", Value: float64(31)}},
			amf0.Object{
				{Key: "level", Value: "status"}, {Key: "code", Value: "NetConnection.Connect.Success"}, {Key: "description", Value: "Connection succeeded."},
				{Key: "objectEncoding", Value: float64(0)},
			}))
}

// command is what a client calls.
type command struct {
	name        string
	transaction float64
	arguments   amf0.Data // the first is the command object
}

// commandOf reads a command; ok is false for what is none, or cannot be read.
func commandOf(m message) (c command, ok bool) {
	body := m.body
	switch {
	case m.kind == typeCommand:
	case m.kind == typeCommand3 && len(body) > 0:
		body = body[1:]
	default:
		return command{}, false
	}
	values, err := amf0.Unmarshal(body)
	if err != nil || len(values) < 2 {
		return command{}, false
	}
	name, isText := values[0].(string)
	transaction, isNumber := values[1].(float64)
	return command{name, transaction, values[2:]}, isText && isNumber
}

// text is an argument that is one; else "".
func (c command) text(i int) string {
	if i >= len(c.arguments) {
		return ""
	}
	s, _ := c.arguments[i].(string)
	return s
}

// property is one of the command object, if it is a text; else "".
func (c command) property(name string) string {
	if len(c.arguments) == 0 {
		return ""
	}
	o, _ := objectOf(c.arguments[0])
	s, _ := o.GetString(name)
	return s
}

// objectOf takes an object, or an array with names.
func objectOf(value any) (amf0.Object, bool) {
	switch o := value.(type) {
	case amf0.Object:
		return o, true
	case amf0.ECMAArray:
		return amf0.Object(o), true
	}
	return nil, false
}

// isLast reports whether a command ends the stream.
func (c command) isLast() bool {
	return c.name == "deleteStream" || c.name == "closeStream" || c.name == "FCUnpublish"
}
