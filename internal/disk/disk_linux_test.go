package disk

import "testing"

const mounts = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
31 27 0:30 / /mnt/with\040space rw - fuse.sshfs someone@example.org:/ rw
32 27 0:31 / /srv rw - xfs /dev/vdb rw
33 32 0:32 / /srv/share rw - fuse.rclone remote: rw
34 27 0:33 / /srv/share rw - fuse.ntfs-3g /dev/sdc1 rw
half a line
`

func TestMountedAs(t *testing.T) {
	for path, want := range map[string]string{
		"/": "ext4", "/home/x": "ext4", "/srv": "xfs", "/srvx": "ext4", "/srv/data": "xfs", "/srv/share/data": "fuse.ntfs-3g", "/mnt/with space": "fuse.sshfs", "/mnt/with space/a/b": "fuse.sshfs", "/mnt": "ext4",
	} {
		if got := mountedAs(mounts, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := mountedAs("", "/"); got != "" {
		t.Errorf("nothing is mounted as %q", got)
	}
}

// TestNumbers: every file system whose number is known means something that is
// known, and the machine's own memory file system is told as such.
func TestNumbers(t *testing.T) {
	for number, kind := range kinds {
		switch kind {
		case "ext4", "btrfs", "xfs", "zfs", "f2fs", "vfat", "exfat", "ntfs", "ntfs3", "bcachefs":
			if classOf(kind) != Local {
				t.Errorf("%#x %s is not local", number, kind)
			}
		default:
			if classOf(kind) == Local {
				t.Errorf("%#x %s passes for a disk", number, kind)
			}
		}
	}
	if p, err := Of("/dev/shm"); err == nil && p.Kind == "tmpfs" && p.Class != Memory {
		t.Errorf("/dev/shm is %+v", p)
	}
	if p, err := Of("/proc"); err != nil || p.Class != Local {
		t.Errorf("/proc is %+v %v", p, err)
	}
}
