package ctl

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// sessionsCommand is sluice ctl sessions.
type sessionsCommand struct{}

// Run lists the sessions.
func (sessionsCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	list, err := gather(ctx, c, from, "/api/v1/sessions", 0, api.SessionList{Sessions: []api.Session{}}, func(all, page *api.SessionList) (int, string) {
		all.Sessions = append(all.Sessions, page.Sessions...)
		return len(all.Sessions), page.Next
	})
	if err != nil {
		return err
	}
	return c.print(out, list, func() error {
		rows := table{{"SESSION", "KIND", "NAME", "ADDRESS", "STATE", "FOR", "RECEIVED", "SENT", "LOST", "RTT"}}
		for _, s := range list.Sessions {
			rows = append(rows, []string{
				s.ID, s.Kind, s.Name, s.Address, s.State, age(s.Since), bitrate(s.Received.Bitrate), bitrate(s.Sent.Bitrate), fmt.Sprint(s.Received.Lost + s.Sent.Lost), milliseconds(s.RTT),
			})
		}
		return rows.print(out, "No sessions.")
	})
}

// roomsCommand is sluice ctl rooms.
type roomsCommand struct{}

// Run lists the rooms.
func (roomsCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	return fetch(ctx, c, from, out, "/api/v1/rooms", func(out io.Writer, list api.RoomList) error {
		rows := table{{"ROOM", "ON AIR", "PARTICIPANT", "ID", "FOR", "BITRATE", "LOST", "RTT"}}
		for _, room := range list.Rooms {
			onAir := orDash(room.OnAir)
			for _, p := range room.Participants {
				rows = append(rows, []string{room.Name, onAir, p.Name, p.ID, age(p.Since), bitrate(p.Bitrate), fmt.Sprint(p.Lost), milliseconds(p.RTT)})
			}
		}
		return rows.print(out, "No rooms.")
	})
}

// airCommand is sluice ctl air.
type airCommand struct {
	Room        string `arg:"" help:"name of the room"`
	Stream      string `arg:"" optional:"" help:"name of the stream that it becomes"`
	Participant string `placeholder:"ID" help:"whose picture and sound it is (default: whoever speaks)"`
	Off         bool   `help:"take it off the air"`
}

// Run puts a room on air, or takes it off.
func (a airCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	path := "/api/v1/rooms/" + url.PathEscape(a.Room) + "/air"
	if a.Off {
		if a.Stream != "" || a.Participant != "" {
			return exit.Usage(errorf("--off takes the room alone"))
		}
		return c.steer(ctx, from, out, "DELETE", path, nil, "The room "+a.Room+" is off the air.")
	}
	if err := checkName(a.Stream); err != nil {
		return err
	}
	return c.steer(ctx, from, out, "PUT", path, api.AirRequest{Stream: a.Stream, Participant: a.Participant}, "The room "+a.Room+" is on air as "+a.Stream+".")
}

// removeCommand is sluice ctl remove.
type removeCommand struct {
	Room        string `arg:"" help:"name of the room"`
	Participant string `arg:"" help:"id of the participant, as sluice ctl rooms lists it"`
}

// Run removes a participant.
func (r removeCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	path := "/api/v1/rooms/" + url.PathEscape(r.Room) + "/participants/" + url.PathEscape(r.Participant)
	return c.steer(ctx, from, out, "DELETE", path, nil, "The participant has been removed from "+r.Room+".")
}
