package selection

// SelectWith lets tests choose the lots of the seed rule, to make ties.
var SelectWith = selectWith

// Lots are the lots of the seed rule, to be compared with its definition.
var Lots = lots

// Families makes the rows of pairs who are apart visible to tests.
var Families = families
