// Package transcode turns one live picture and its sound into a ladder of CMAF renditions, by one ffmpeg run.
//
// A [Job] is one such run. Whole frames go in through [Job.WriteFrame]; the job wraps them as IVF and Ogg and writes
// them to two pipes that ffmpeg inherits. ffmpeg decodes once, scales every picture to the constant canvas of each
// [Rendition], encodes H.264 and AAC-LC, and appends CMAF fragments (ISO/IEC 23000-19) to files in [Options.Dir]; their
// names are in [Options.Representations]. [Command] is the command line, a pure function of the options. The pictures may be
// VP8, VP9, H.264 or AV1, and change their size and shape whenever they like.
//
// The time stamps of the frames are kept: media time 0 of every rendition is PTS 0 of both inputs, and what a player
// hears is not shifted by the 1,024 priming samples of AAC.
//
// The package does not look into the files that ffmpeg writes, does not list or delete them, and does not restart a run
// that ended: a Job is used once. An input that falls silent stops the whole run, so the caller keeps every declared input
// supplied up to the present. The frames that the package makes of its own only stand for lost ones: it asks the decoder to
// conceal a lost Opus packet (RFC 6716 §4.4), and puts repeat frames in the place of pictures that it drops.
//
// Goroutines belong to [Job.Run], which starts them and returns when all have ended: one writer for each pipe, one
// supervisor that carries out the stop, one that renews the thumbnail, and the readers of ffmpeg's output. NewJob and WriteFrame start none.
package transcode
