//! Prints the OpenAPI document of the whole API.

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
fn main() {
    let document = hostler_api::openapi::document(&hostler_api::v1::endpoints());
    println!("{document:#}");
}
