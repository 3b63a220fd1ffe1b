package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// beside are the files that go with the program.
var beside = []string{"CHANGELOG.md", "LICENSE", "NOTICE", "README.md"}

// entry is a file of an archive.
type entry struct {
	name    string
	content []byte
	mode    os.FileMode
}

// pack writes the archive of one platform: a zip file for Windows, else a
// tar.gz. Its bytes depend on nothing but the source and its time.
func pack(folder, name string, t target, binary string, notices []byte, s source) (file string, err error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return "", err
	}
	files := []entry{{name + "/" + t.program(), program, 0o755}}
	for _, b := range beside {
		text, err := os.ReadFile(filepath.Join(s.folder, b))
		if err != nil {
			return "", err
		}
		files = append(files, entry{name + "/" + b, text, 0o644})
	}
	files = append(files, entry{name + "/" + noticesFile, notices, 0o644})
	var out bytes.Buffer
	file = filepath.Join(folder, name+".tar.gz")
	write := writeTar
	if t.os == "windows" {
		file, write = filepath.Join(folder, name+".zip"), writeZip
	}
	if err := write(&out, files, s.time); err != nil {
		return "", err
	}
	return file, os.WriteFile(file, out.Bytes(), 0o644)
}

func writeTar(w io.Writer, files []entry, at time.Time) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression) // without a name and a time in its header
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		err := t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: int64(f.mode), ModTime: at, Format: tar.FormatUSTAR,
		})
		if err == nil {
			_, err = t.Write(f.content)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

func writeZip(w io.Writer, files []entry, at time.Time) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
		h.SetMode(f.mode)
		to, err := z.CreateHeader(h)
		if err == nil {
			_, err = to.Write(f.content)
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// untar unpacks what git archive wrote.
func untar(file, folder string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	t := tar.NewReader(f)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
			continue // the commit's own header; there are no links
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("%s: the path %q leads out of the folder", file, h.Name)
		}
		to := filepath.Join(folder, h.Name)
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(to, 0o755)
		} else {
			err = writeFile(to, t, h.FileInfo().Mode().Perm())
		}
		if err != nil {
			return err
		}
	}
}

func writeFile(to string, from io.Reader, mode os.FileMode) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// static fails when the program needs a library that a machine may not have. On
// Linux it needs none; macOS and Windows let programs call them by their own
// libraries only.
func static(binary string, t target) error {
	var libraries []string
	var allowed func(string) bool
	switch t.os {
	case "linux":
		f, err := elf.Open(binary)
		if err != nil {
			return err
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				return fmt.Errorf("%s: the program is not static", t)
			}
		}
		return nil
	case "darwin":
		f, err := macho.Open(binary)
		if err != nil {
			return err
		}
		defer f.Close()
		if libraries, err = f.ImportedLibraries(); err != nil {
			return err
		}
		allowed = func(l string) bool {
			return strings.HasPrefix(l, "/usr/lib/") || strings.HasPrefix(l, "/System/Library/")
		}
	case "windows":
		f, err := pe.Open(binary)
		if err != nil {
			return err
		}
		defer f.Close()
		if libraries, err = f.ImportedLibraries(); err != nil {
			return err
		}
		allowed = func(l string) bool { return strings.EqualFold(l, "kernel32.dll") }
	}
	for _, l := range libraries {
		if !allowed(l) {
			return fmt.Errorf("%s: the program needs the library %s", t, l)
		}
	}
	return nil
}
