# SPDX-License-Identifier: GPL-2.0-only
#
# Turns the tables into C: entries of an array, or, with -v static=1, into
# assertions for the compiler.

function check(name, got, want)
{
	if (static)
		printf "_Static_assert((%s) == (%s), \"%s\");\n",
		       got, want, name
	else
		printf "{ \"%s\", %s, %s },\n", name, got, want
}

# An expression that is true if the type is signed
function sign(type)
{
	return "(" type ")-1 < 1"
}

/^#/ || !NF {
	next
}

$1 == "const" && NF == 3 {
	check($2, "(unsigned long long)(" $2 ")", $3 "ULL")
	next
}

$1 == "struct" && NF == 3 {
	tag = "struct " $2
	check("sizeof(" tag ")", "sizeof(" tag ")", $3)
	next
}

/^  [0-9]/ && NF >= 4 {
	name = $NF
	type = $3
	if (NF == 5)
		type = type " " $4
	array = sub(/\[\]$/, "", name)
	element = sub(/\[[0-9]+\]$/, "", name) ? "[0]" : ""
	field = "((" tag " *)0)->" name
	title = tag "." name
	check(title " offset", "offsetof(" tag ", " name ")", $1)
	if (array) {
		check(title "[] size", "sizeof(" field "[0])",
		      "sizeof(" type ")")
		next
	}
	check(title " size", "sizeof(" field ")", $2)
	check(title " sign", sign("__typeof__(" field element ")"), sign(type))
	next
}

{
	print FILENAME ":" FNR ": not understood: " $0 >"/dev/stderr"
	exit 1
}
