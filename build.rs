//! Tells cargo that the recipes are part of the program: a file that is added to them is seen, too.

fn main() {
    println!("cargo::rerun-if-changed=recipes");
}
