package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
)

// write replaces what dist holds by files, each with a gzipped twin; dist's .gitignore stays.
func write(dir string, files map[string][]byte) error {
	dist := filepath.Join(dir, "dist")
	for _, old := range []string{"assets", "pages", "player"} {
		if err := os.RemoveAll(filepath.Join(dist, old)); err != nil {
			return fmt.Errorf("clear old bundle: %w", err)
		}
	}
	for name, body := range files {
		file := filepath.Join(dist, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("write bundle: %w", err)
		}
		packed, err := pack(body)
		if err != nil {
			return fmt.Errorf("compress %s: %w", name, err)
		}
		for path, content := range map[string][]byte{file: body, file + ".gz": packed} {
			if err := os.WriteFile(path, content, 0o644); err != nil {
				return fmt.Errorf("write bundle: %w", err)
			}
		}
	}
	return nil
}

func pack(body []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
