// Package disk says what a folder lies on: a disk of this machine, or something
// that a database must not lie on.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Place is what a folder lies on.
type Place struct {
	// Kind is the file system as the platform calls it, such as "ext4", "nfs",
	// "apfs"; "" where it cannot be told.
	Kind string
	// Class is what that means for a database.
	Class Class
	// Free is what this account may still write, in bytes; 0 and false where it
	// cannot be told.
	Free      uint64
	FreeKnown bool
}

// Class is what a file system means for a database on it.
type Class uint8

const (
	// Local keeps what is written, for this machine alone, or nothing is known
	// against it.
	Local Class = iota
	// Network is a drive of another machine, or of the host of this virtual
	// one. Locks and flushes are not what they are on a disk, so that two
	// programs or a lost connection break a database.
	Network
	// Memory is gone when the machine stops.
	Memory
	// Layer is a container's own file system, gone when the container is.
	Layer
)

// Of says what a folder lies on; of one that does not exist yet, what the
// folder that it would be made in lies on.
func Of(folder string) (Place, error) {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return Place{}, err
	}
	for {
		real, err := filepath.EvalSymlinks(abs)
		if err == nil {
			return of(real)
		}
		up := filepath.Dir(abs)
		if !errors.Is(err, fs.ErrNotExist) || up == abs {
			return Place{}, err
		}
		abs = up
	}
}

// classes knows file systems by what Linux and macOS call them.
var classes = map[string]Class{
	"nfs": Network, "nfs4": Network, "nfsd": Network, "cifs": Network, "smb": Network, "smb2": Network, "smb3": Network, "smbfs": Network, "afpfs": Network, "ncpfs": Network, "ncp": Network,
	"9p": Network, "ceph": Network, "afs": Network, "coda": Network, "lustre": Network, "gpfs": Network, "beegfs": Network, "ocfs2": Network, "gfs2": Network,
	"glusterfs": Network, "orangefs": Network, "pvfs2": Network, "webdav": Network, "davfs": Network, "ftp": Network, "vboxsf": Network, "vmhgfs": Network, "prl_fs": Network, "virtiofs": Network,
	"tmpfs": Memory, "ramfs": Memory, "overlay": Layer, "overlayfs": Layer, "aufs": Layer,
}

// fuseLocal are file systems in a program of their own that lie on a disk of
// this machine all the same. Any other one is taken for a network's: sshfs,
// rclone, s3fs, gcsfuse, GVfs and their like are what people mount like that.
var fuseLocal = []string{"ntfs", "exfat", "ext", "bindfs", "zfs", "lxcfs", "encfs", "gocryptfs", "cryfs", "securefs", "mergerfs", "unionfs", "fuse-overlayfs", "portal"}

// classOf says what the name of a file system means.
func classOf(kind string) Class {
	kind = strings.ToLower(kind)
	if c, ok := classes[kind]; ok {
		return c
	}
	program, ok := strings.CutPrefix(kind, "fuse.")
	if !ok {
		if strings.HasPrefix(kind, "osxfuse") || strings.HasPrefix(kind, "macfuse") {
			return Network
		}
		return Local // "fuseblk" too: a device of this machine
	}
	for _, local := range fuseLocal {
		if strings.HasPrefix(program, local) {
			return Local
		}
	}
	return Network
}

// SyncService names the service that copies a folder to other machines while it
// is written to, which breaks a database; "" if none is known to.
func SyncService(folder string) string {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return ""
	}
	for _, path := range []string{abs, resolved(abs)} {
		if name := syncByName(path); name != "" {
			return name
		}
	}
	for dir := abs; ; dir = filepath.Dir(dir) {
		for _, m := range syncMarks {
			if _, err := os.Lstat(filepath.Join(dir, m.file)); err == nil {
				return m.service
			}
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// syncFolders are how the folders of such services are called, or begin.
var syncFolders = []struct{ prefix, service string }{
	{"dropbox", "Dropbox"},
	{"onedrive", "OneDrive"},
	{"google drive", "Google Drive"},
	{"googledrive", "Google Drive"},
	{"my drive", "Google Drive"},
	{"icloud", "iCloud"},
	{"mobile documents", "iCloud"},
	{"cloudstorage", "a cloud service"},
	{"nextcloud", "Nextcloud"},
	{"owncloud", "ownCloud"},
	{"syncthing", "Syncthing"},
	{"pcloud", "pCloud"},
	{"box sync", "Box"},
	{"seafile", "Seafile"},
	{"megasync", "MEGA"},
	{"tresorit", "Tresorit"},
	{"synologydrive", "Synology Drive"},
	{"proton drive", "Proton Drive"},
}

// syncMarks are what such services leave in a folder that may have any name.
var syncMarks = []struct{ file, service string }{
	{".dropbox", "Dropbox"}, {".dropbox.cache", "Dropbox"}, {".stfolder", "Syncthing"}, {".nextcloudsync.log", "Nextcloud"}, {".owncloudsync.log", "ownCloud"}, {".sync/ID", "Resilio Sync"},
}

func syncByName(path string) string {
	for part := range strings.SplitSeq(strings.ToLower(filepath.ToSlash(path)), "/") {
		for _, s := range syncFolders {
			if strings.HasPrefix(part, s.prefix) {
				return s.service
			}
		}
	}
	return ""
}
