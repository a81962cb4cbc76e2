package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// checkFiles reports all that is wrong with what the configuration names: files, keys, certificates, directories and programs. It makes and binds
// nothing.
func checkFiles(cfg config.Config) error {
	var faults []error
	want := func(key string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %s", key, strings.ReplaceAll(err.Error(), "\n", ": "))) // one fault a line
		}
	}
	if !cfg.TLS.SelfSigned && (cfg.TLS.Cert != "" || cfg.TLS.Key != "") {
		want("https.listen", checkCertificate(cfg))
	}
	want("auth.jwt", access.CheckKeys(cfg.Auth))
	if cfg.IsRelay() { // which encodes and writes nothing but its own certificate
		if cfg.TLS.SelfSigned {
			want("data", checkWritable(cfg.Data))
		}
		return errors.Join(faults...)
	}
	for _, image := range [][2]string{{"logo", cfg.Logo}, {"slate", cfg.Slate}} {
		if image[1] != "" {
			want(image[0], checkReadable(image[1]))
		}
	}
	_, err := exec.LookPath(cfg.FFmpeg)
	want("ffmpeg", err)
	want("data", checkWritable(cfg.Data))
	return errors.Join(faults...)
}

func checkCertificate(cfg config.Config) error {
	pair, err := certificateOf(cfg.TLS, cfg.Data).Load()
	if err == nil && time.Now().After(pair.Leaf.NotAfter) {
		err = fmt.Errorf("the certificate %s has expired on %s: renew it", cfg.TLS.Cert, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return err
}

func checkReadable(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", file)
	}
	return err
}

// checkWritable reports why the service could not use a directory, or make it.
func checkWritable(directory string) error {
	path, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	for errors.Is(err, os.ErrNotExist) && path != "/" {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", path)
	case unix.Access(path, unix.W_OK|unix.X_OK) != nil:
		return fmt.Errorf("%s cannot be written by this user", path)
	}
	return nil
}
