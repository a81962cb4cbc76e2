package rtmp

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/handshake"

	"github.com/sluice-live/sluice/public/panics"
)

const (
	clientChunk = 64 << 10         // bytes of a chunk that a client sends
	takesWithin = 10 * time.Second // for a server to take a message
	farewell    = time.Second      // for it to take the last
	maxAnswers  = 64               // messages of a server until it has answered a command
	publishing  = 5                // the transaction that a status answers

	videoChunks, audioChunks, dataChunks = 6, 4, 5 // chunk streams
)

// Destination is where a [Client] publishes to.
type Destination struct {
	Address string      // host:port
	TLS     *tls.Config // nil: without TLS
	URL     string      // rtmp://host/APP, which servers are told
	App     string
	Key     string // the name of the stream, as the server knows it, with what is behind a question mark
}

// Client publishes a stream to another server: H.264 and AAC, by the numbers of FLV.
type Client struct {
	conn   net.Conn
	in     *chunkReader
	out    *line
	stream uint32
	buffer []byte // of the message that is sent; reused
}

// Dial connects, and returns once the server says that it takes the stream. The error says what the server says, and is the network's otherwise.
func Dial(ctx context.Context, d Destination) (*Client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.Address)
	if err != nil {
		return nil, err
	}
	if d.TLS != nil {
		conn = tls.Client(conn, d.TLS)
	}
	stop := context.AfterFunc(ctx, func() { _ = panics.Contain(nil, "a connection of RTMP", func() { _ = conn.Close() }) })
	c := &Client{conn: conn, in: newChunkReader(conn), out: &line{conn: conn}}
	err = c.greet(d)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the connection; a server that takes nothing is waited for no longer than a second.
func (c *Client) Close() {
	body, err := amf0.Data{"deleteStream", float64(0), nil, float64(c.stream)}.Marshal()
	if err == nil && c.out.mu.TryLock() { // it is not in the middle of something that the server does not take
		_ = c.conn.SetWriteDeadline(time.Now().Add(farewell))
		_, _ = c.conn.Write(appendMessage(nil, typeCommand, 0, body))
		c.out.mu.Unlock()
	}
	_ = c.conn.Close()
}

// greet shakes hands, and has the server take the stream (RTMP 1.0 §7.2.2.6).
func (c *Client) greet(d Destination) error {
	rw := struct {
		io.Reader
		io.Writer
	}{c.in.in, c.out}
	if _, _, err := handshake.DoClient(rw, false, false); err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	if err := c.out.control(typeChunkSize, clientChunk); err != nil {
		return err
	}
	_, err := c.call(1, "connect", amf0.Object{
		{Key: "app", Value: d.App}, {Key: "type", Value: "nonprivate"}, {Key: "flashVer", Value: "FMLE/3.0 (compatible; Sluice)"}, {Key: "tcUrl", Value: d.URL},
	})
	if err != nil {
		return err
	}
	// Old servers want these, and some answer that they do not know them.
	err = errors.Join(c.out.command(0, "releaseStream", float64(2), nil, d.Key), c.out.command(0, "FCPublish", float64(3), nil, d.Key))
	if err != nil {
		return err
	}
	made, err := c.call(4, "createStream", nil)
	if err != nil {
		return err
	}
	if len(made.arguments) > 1 {
		number, _ := made.arguments[1].(float64)
		c.stream = uint32(number)
	}
	if err := c.out.command(c.stream, "publish", float64(publishing), nil, d.Key, "live"); err != nil {
		return err
	}
	_, err = c.answer(publishing)
	return err
}

// call calls a command and returns the answer.
func (c *Client) call(transaction float64, name string, object any) (command, error) {
	if err := c.out.command(0, name, transaction, object); err != nil {
		return command{}, err
	}
	return c.answer(transaction)
}

// answer waits for that to a command, or for a status.
func (c *Client) answer(transaction float64) (command, error) {
	for range maxAnswers {
		_ = c.conn.SetReadDeadline(time.Now().Add(takesWithin))
		said, ok, err := c.hear()
		if err != nil {
			return said, err
		}
		if ok && (said.transaction == transaction && said.name != "onStatus" || said.name == "onStatus" && transaction == publishing) {
			return said, nil
		}
	}
	return command{}, errors.New("the server does not answer")
}

// Listen hears the server until the connection ends, and returns why it did: what the server says, if it does.
func (c *Client) Listen() error {
	_ = c.conn.SetReadDeadline(time.Time{})
	for {
		if _, _, err := c.hear(); err != nil {
			return err
		}
	}
}

// hear reads the next message, and answers it where it is to be. ok is false unless it is a command; one that refuses is an error.
func (c *Client) hear() (said command, ok bool, err error) {
	m, err := c.in.next()
	if err != nil {
		return said, false, err
	}
	if m.kind == typeUserControl {
		return said, false, c.out.answerPing(m.body)
	}
	if said, ok = commandOf(m); !ok {
		return said, false, nil
	}
	info := said.info()
	level, _ := info.GetString("level")
	refused := said.name == "_error" && (said.transaction < 2 || said.transaction > 3) // those to what is not known
	if refused || said.name == "onStatus" && level == "error" {
		return said, true, refusalOf(info)
	}
	return said, true, nil
}

// info is what an answer, or a status, tells behind the command object.
func (c command) info() amf0.Object {
	if len(c.arguments) < 2 {
		return nil
	}
	info, _ := objectOf(c.arguments[1])
	return info
}

// refusalOf is the error by which a server refuses.
func refusalOf(info amf0.Object) error {
	code, _ := info.GetString("code")
	description, _ := info.GetString("description")
	for _, text := range []string{description, code} {
		if text != "" {
			return fmt.Errorf("the server refuses: %s", text[:min(len(text), maxSentence)])
		}
	}
	return errors.New("the server refuses, and does not say why")
}

// Describe tells of what comes: the size of pictures, and that there is sound.
func (c *Client) Describe(width, height int, video, audio bool) error {
	tells := amf0.ECMAArray{{Key: "encoder", Value: "Sluice"}}
	if video {
		tells = append(tells, amf0.ObjectEntry{Key: "width", Value: float64(width)}, amf0.ObjectEntry{Key: "height", Value: float64(height)}, amf0.ObjectEntry{Key: "videocodecid", Value: float64(7)})
	}
	if audio {
		tells = append(tells, amf0.ObjectEntry{Key: "audiocodecid", Value: float64(10)})
	}
	body, err := amf0.Data{"@setDataFrame", "onMetaData", tells}.Marshal()
	if err != nil {
		return err
	}
	return c.send(typeData, dataChunks, 0, nil, body)
}

// ConfigureVideo sends the AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1) of what follows.
func (c *Client) ConfigureVideo(at time.Duration, record []byte) error {
	return c.send(typeVideo, videoChunks, at, []byte{1<<4 | 7, packetConfiguration, 0, 0, 0}, record)
}

// ConfigureAudio sends the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1) of what follows.
func (c *Client) ConfigureAudio(at time.Duration, config []byte) error {
	return c.send(typeAudio, audioChunks, at, []byte{0xaf, packetConfiguration}, config)
}

// WriteVideo sends a picture, of units behind their lengths, that is decoded at that time and shown so much later.
func (c *Client) WriteVideo(at, composition time.Duration, key bool, picture []byte) error {
	kind := byte(2) // FLV 10.1 §E.4.3.1
	if key {
		kind = 1
	}
	later := int32(composition / time.Millisecond)
	return c.send(typeVideo, videoChunks, at, []byte{kind<<4 | 7, packetFrame, byte(later >> 16), byte(later >> 8), byte(later)}, picture)
}

// WriteAudio sends a frame of AAC.
func (c *Client) WriteAudio(at time.Duration, frame []byte) error {
	return c.send(typeAudio, audioChunks, at, []byte{0xaf, packetFrame}, frame)
}

// send sends a message in chunks.
func (c *Client) send(kind, number byte, at time.Duration, head, body []byte) error {
	stamp, length := uint32(at/time.Millisecond), len(head)+len(body)
	c.buffer = appendChunks(c.buffer[:0], kind, number, c.stream, stamp, length, head, body)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(takesWithin))
	_, err := c.conn.Write(c.buffer)
	if cap(c.buffer) > keptBuffer {
		c.buffer = nil
	}
	return err
}

// appendChunks appends a message (RTMP 1.0 §5.3), whose body has two parts.
func appendChunks(dst []byte, kind, number byte, stream, stamp uint32, length int, head, body []byte) []byte {
	short := min(stamp, extended)
	dst = append(dst, number, byte(short>>16), byte(short>>8), byte(short), byte(length>>16), byte(length>>8), byte(length), kind)
	dst = binary.LittleEndian.AppendUint32(dst, stream)
	if short == extended {
		dst = binary.BigEndian.AppendUint32(dst, stamp)
	}
	dst = append(dst, head...)
	room := clientChunk - len(head)
	for {
		n := min(room, len(body))
		dst, body = append(dst, body[:n]...), body[n:]
		if len(body) == 0 {
			return dst
		}
		dst = append(dst, 3<<6|number)
		if short == extended {
			dst = binary.BigEndian.AppendUint32(dst, stamp) // §5.3.1.3
		}
		room = clientChunk
	}
}
