package disk

import "syscall"

// mountLocal is MNT_LOCAL of sys/mount.h: the file system lies on this machine.
const mountLocal = 0x1000

func of(path string) (Place, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Place{}, err
	}
	var name []byte
	for _, c := range s.Fstypename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	p := Place{Kind: string(name), Free: s.Bavail * uint64(s.Bsize), FreeKnown: true}
	if p.Class = classOf(p.Kind); p.Class == Local && s.Flags&mountLocal == 0 {
		p.Class = Network
	}
	return p, nil
}
