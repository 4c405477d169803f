# The same as `cargo xtask COMMAND`, for those who have just.

# List the recipes
default:
    @just --list

# Build the server with its plugins, then serve
run *ARGUMENTS:
    cargo xtask run {{ARGUMENTS}}

# Build the server with its plugins
build *ARGUMENTS:
    cargo xtask build {{ARGUMENTS}}

# Build the bundled and the example plugins
guests *ARGUMENTS:
    cargo xtask guests {{ARGUMENTS}}

# Check formatting, lints and documentation
lint:
    cargo xtask lint

# Run all tests, the black-box ones included
test *ARGUMENTS:
    cargo xtask test {{ARGUMENTS}}

# What the server survives, for longer than the tests have time for
soak:
    cargo xtask soak

# Run the scripted dialogues against any server
dialogues *ARGUMENTS:
    cargo xtask dialogues {{ARGUMENTS}}

# Count the instructions of inner steps
counts *ARGUMENTS:
    cargo xtask counts {{ARGUMENTS}}

# Measure the server beside others and beside a relay that only copies bytes
bench *ARGUMENTS:
    cargo xtask bench {{ARGUMENTS}}

# What a change must pass
ci:
    .ci/run
