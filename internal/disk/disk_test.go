package disk

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestClasses(t *testing.T) {
	for kind, want := range map[string]Class{
		"": Local, "ext4": Local, "xfs": Local, "btrfs": Local, "zfs": Local, "apfs": Local, "hfs": Local, "NTFS": Local, "fuseblk": Local, "fuse.ntfs-3g": Local, "fuse.gocryptfs": Local, "fuse.mergerfs": Local,
		"nfs": Network, "nfs4": Network, "cifs": Network, "smb3": Network, "smbfs": Network, "afpfs": Network, "webdav": Network, "9p": Network, "virtiofs": Network, "vboxsf": Network, "ceph": Network,
		"fuse.sshfs": Network, "fuse.rclone": Network, "fuse.s3fs": Network, "fuse.gvfsd-fuse": Network, "fuse.glusterfs": Network, "fuse.gcsfuse": Network, "fuse.davfs": Network, "fuse.vmhgfs-fuse": Network, "fuse.unknown": Network, "macfuse_sshfs": Network,
		"tmpfs": Memory, "ramfs": Memory, "overlay": Layer, "aufs": Layer,
	} {
		if got := classOf(kind); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	dir := t.TempDir()
	here, err := Of(dir)
	if err != nil || !here.FreeKnown || here.Free == 0 {
		t.Fatalf("%+v %v", here, err)
	}
	later, err := Of(filepath.Join(dir, "not", "yet", "there"))
	if err != nil || later.Kind != here.Kind || later.Class != here.Class {
		t.Errorf("a folder that is not there yet: %+v %v, want %+v", later, err, here)
	}
	if runtime.GOOS != "windows" {
		link := filepath.Join(dir, "link")
		if err := os.Symlink("/", link); err != nil {
			t.Fatal(err)
		}
		root, err := Of("/")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Of(link); err != nil || got.Kind != root.Kind {
			t.Errorf("through a link: %+v %v, want %+v", got, err, root)
		}
	}
}

func TestSyncService(t *testing.T) {
	dir := t.TempDir()
	if got := SyncService(filepath.Join(dir, "data")); got != "" {
		t.Errorf("%s lies in %s", dir, got)
	}
	for name, want := range map[string]string{
		"Dropbox": "Dropbox", "Dropbox (Work)": "Dropbox", "OneDrive - Some Office": "OneDrive", "Google Drive": "Google Drive", "Nextcloud": "Nextcloud",
		"Library/Mobile Documents": "iCloud", "Library/CloudStorage": "a cloud service", "ownCloud": "ownCloud", "dropping": "", "box": "",
	} {
		if got := SyncService(filepath.Join(dir, name, "fairlead", "data")); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	marked := filepath.Join(dir, "any name")
	if err := os.MkdirAll(filepath.Join(marked, ".stfolder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := SyncService(filepath.Join(marked, "data")); got != "Syncthing" {
		t.Errorf("a folder with Syncthing's mark: %q", got)
	}
	if runtime.GOOS != "windows" {
		synced := filepath.Join(dir, "Nextcloud", "data")
		if err := os.MkdirAll(synced, 0o700); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(dir, "plain")
		if err := os.Symlink(synced, link); err != nil {
			t.Fatal(err)
		}
		if got := SyncService(link); got != "Nextcloud" {
			t.Errorf("through a link: %q", got)
		}
	}
}
