package disk

import (
	"os"
	"strings"
	"syscall"
)

// kinds are the numbers by which Linux tells file systems apart (statfs(2)).
var kinds = map[uint32]string{
	0x6969: "nfs", 0x517b: "smb", 0xfe534d42: "smb2", 0xff534d42: "cifs", 0x564c: "ncp", 0x01021997: "9p", 0x00c36400: "ceph",
	0x5346414f: "afs", 0x6b414653: "afs", 0x73757245: "coda", 0x0bd00bd0: "lustre", 0x47504653: "gpfs", 0x19830326: "beegfs", 0x7461636f: "ocfs2", 0x01161970: "gfs2",
	0x20030528: "pvfs2", 0x786f4256: "vboxsf", 0xbacbacbc: "vmhgfs",
	0x01021994: "tmpfs", 0x858458f6: "ramfs", 0x794c7630: "overlay", 0x61756673: "aufs",
	0xef53: "ext4", 0x9123683e: "btrfs", 0x58465342: "xfs", 0x2fc12fc1: "zfs", 0xf2f52010: "f2fs", 0x4d44: "vfat", 0x2011bab0: "exfat", 0x5346544e: "ntfs", 0x7366746e: "ntfs3", 0xca451a4e: "bcachefs",
}

const fuse = 0x65735546 // any program; mountinfo knows which

func of(path string) (Place, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Place{}, err
	}
	p := Place{Free: s.Bavail * uint64(s.Bsize), FreeKnown: true}
	number := uint32(s.Type) // the field has other signs on other machines
	if number == fuse {
		mounts, _ := os.ReadFile("/proc/self/mountinfo") // without it, a program that nobody knows
		p.Kind = mountedAs(string(mounts), path)
		if p.Kind == "" {
			p.Kind = "fuse.unknown"
		}
	} else {
		p.Kind = kinds[number]
	}
	p.Class = classOf(p.Kind)
	return p, nil
}

// mountedAs finds the type of the file system that a path lies on in the text of
// /proc/self/mountinfo (proc(5)).
func mountedAs(mounts, path string) string {
	best, kind := -1, ""
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		fields, types := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(types) == 0 {
			continue
		}
		point := octal.Replace(fields[4])
		inside := path == point || point == "/" || strings.HasPrefix(path, point+"/")
		if inside && len(point) >= best { // a later mount on the same point hides the earlier
			best, kind = len(point), types[0]
		}
	}
	return kind
}

// octal undoes how mountinfo writes spaces.
var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
