package scoring

// For tests of the parts.
var (
	LnThousandths = lnThousandths
	Shares        = shares
	Tokens        = tokens
)

const Slots = slots

// CommonStarts counts the times at which two people can begin a meeting.
func CommonStarts(r *Rules, a, b *Hours) int {
	c := newCalendar(r.Week, r.Minutes)
	x, y := c.starts(c.slots(a)), c.starts(c.slots(b))
	return common(&x, &y)
}
