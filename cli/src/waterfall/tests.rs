//! Bars in proportion, at every width.

use super::*;
use crate::screen::Screen;

fn screen(width: usize, unicode: bool) -> Screen {
    Screen {
        width,
        unicode,
        data_to_terminal: true,
        talk_to_terminal: true,
    }
}

fn bar(step: &str, state: OperationState, offset_ms: u64, duration_ms: u64, detail: &str) -> Bar {
    Bar {
        step: step.into(),
        state,
        offset_ms,
        duration_ms,
        detail: (!detail.is_empty()).then(|| detail.into()),
    }
}

fn waterfall(state: OperationState, steps: Vec<Bar>) -> Waterfall {
    Waterfall {
        operation: OperationId::derived("test"),
        kind: OperationKind::Create,
        workspace: "hello".parse().unwrap(),
        state,
        total_ms: 12_400,
        steps,
    }
}

fn create() -> Waterfall {
    use OperationState::Succeeded;
    waterfall(
        Succeeded,
        vec![
            bar("image", Succeeded, 30, 2, "reused"),
            bar("machine", Succeeded, 32, 210, ""),
            bar("start", Succeeded, 242, 95, ""),
            bar("ssh", Succeeded, 337, 40, ""),
            bar("clone", Succeeded, 400, 3_100, "1f2e3d4"),
            bar("install", Succeeded, 3_500, 7_900, "npm ci"),
            bar("service-api", Succeeded, 11_400, 600, ""),
            bar("service-web", Succeeded, 12_000, 400, ""),
        ],
    )
}

#[test]
fn steps_are_bars_where_they_were_in_time() {
    insta::assert_snapshot!(create().draw(&screen(80, true)), @r"
    create hello: succeeded after 12.4 s
      ✓ image       █································     +30 ms       2 ms reused
      ✓ machine     █································     +32 ms     210 ms
      ✓ start       █································    +242 ms      95 ms
      ✓ ssh         █································    +337 ms      40 ms
      ✓ clone       ·████████························    +400 ms      3.1 s 1f2e3d4
      ✓ install     ·········█████████████████████···     +3.5 s      7.9 s npm ci
      ✓ service-api ······························█··    +11.4 s     600 ms
      ✓ service-web ·······························██    +12.0 s     400 ms
    ");
}

#[test]
fn without_unicode_it_is_ascii() {
    let picture = create().draw(&screen(80, false));
    assert!(picture.is_ascii(), "{picture}");
    insta::assert_snapshot!(picture, @r"
    create hello: succeeded after 12.4 s
      + image       =................................     +30 ms       2 ms reused
      + machine     =................................     +32 ms     210 ms
      + start       =................................    +242 ms      95 ms
      + ssh         =................................    +337 ms      40 ms
      + clone       .========........................    +400 ms      3.1 s 1f2e3d4
      + install     .........=====================...     +3.5 s      7.9 s npm ci
      + service-api ..............................=..    +11.4 s     600 ms
      + service-web ...............................==    +12.0 s     400 ms
    ");
}

#[test]
fn what_failed_and_what_is_under_way_can_be_told() {
    use OperationState::{Failed, InFlight, Succeeded};
    let steps = vec![
        bar("machine", Succeeded, 30, 2_000, ""),
        bar(
            "clone",
            Failed,
            2_030,
            1_000,
            "the repository\u{1b}[2J does not exist",
        ),
        bar("install", InFlight, 3_100, 9_300, ""),
    ];
    insta::assert_snapshot!(waterfall(Failed, steps).draw(&screen(80, true)), @r"
        create hello: failed after 12.4 s
          ✓ machine ███·················     +30 ms      2.0 s
          ✗ clone   ···█················     +2.0 s      1.0 s the repository does not
          … install ·····▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒     +3.1 s      9.3 s
        ");
}

#[test]
fn no_line_is_wider_than_the_screen() {
    for width in 40..=140 {
        for line in create().draw(&screen(width, true)).lines() {
            let long = line.chars().count();
            // Below this the numbers alone take the room.
            assert!(long <= width.max(62), "{width}: {long} {line}");
        }
    }
}

#[test]
fn steps_of_no_length_and_steps_beyond_the_end_stay_in_the_chart() {
    use OperationState::Succeeded;
    let mut odd = waterfall(
        Succeeded,
        vec![
            bar("a", Succeeded, 0, 0, ""),
            bar("b", Succeeded, 12_400, 0, ""),
            bar("c", Succeeded, 99_999, 99_999, ""),
        ],
    );
    let widths = |picture: &str| -> Vec<usize> {
        let lines = picture.lines().skip(1);
        lines.map(|line| line.matches(['·', '█']).count()).collect()
    };
    let drawn = widths(&odd.draw(&screen(80, true)));
    assert!(drawn.iter().all(|width| *width == drawn[0]), "{drawn:?}");
    odd.total_ms = 0;
    let drawn = odd.draw(&screen(80, true));
    assert!(
        drawn.lines().skip(1).all(|line| line.contains('█')),
        "{drawn}"
    );
}
