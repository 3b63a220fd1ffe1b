package selection

// SelectWith lets tests choose the lots of the seed rule, to make ties.
var SelectWith = selectWith

// Lots are the lots of the seed rule, to be compared with its definition.
var Lots = lots
