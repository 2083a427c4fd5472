//! The parser's tree made ours: kinds checked, names resolved, and everything refused
//! that we would evaluate otherwise than the text says.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use hostler_core::metrics::series::{Comparison, Matcher, is_label_name};
use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::{self as ast, LabelModifier, VectorMatchCardinality};

use super::outline::Sites;
use super::scan::{Token, unquoted};
use crate::fault::Fault;
use crate::function::{self, Function};
use crate::labels::NAME;
use crate::limits::{DURATION_MAX_MS, TIME_MAX_MS};
use crate::tree::{
    Aggregate, Aggregation, At, Binary, Call, Expr, Kind, Many, Matching, Operator, Selector,
    Shift, Subquery,
};

type Converted<T> = Result<T, Fault>;

/// Makes it ours.
pub(super) fn convert(
    text: &str,
    tokens: &[Token<'_>],
    sites: &Sites,
    tree: ast::Expr,
) -> Converted<Expr> {
    let mut convert = Convert { text, tokens, sites, calls: 0, selectors: 0, operators: 0 };
    convert.expr(tree)
}

/// Walks the tree in the order of the text, so that the next place in each list belongs to the
/// node that is met next.
struct Convert<'t> {
    text: &'t str,
    tokens: &'t [Token<'t>],
    sites: &'t Sites,
    calls: usize,
    selectors: usize,
    operators: usize,
}

impl Convert<'_> {
    fn fault<T>(&self, at: &Range<usize>, what: impl Into<String>) -> Converted<T> {
        Err(Fault::new(self.text, at.clone(), what))
    }

    fn everywhere(&self) -> Range<usize> {
        0..self.text.len()
    }

    fn expr(&mut self, tree: ast::Expr) -> Converted<Expr> {
        Ok(match tree {
            ast::Expr::NumberLiteral(number) => Expr::Number(number.val),
            ast::Expr::StringLiteral(string) => Expr::Text(self.string(&string.val)?.0),
            ast::Expr::Paren(paren) => self.expr(*paren.expr)?,
            ast::Expr::Unary(unary) => Expr::Negate(Box::new(self.expr(*unary.expr)?)),
            ast::Expr::VectorSelector(selector) => Expr::Select(self.selector(selector)?),
            ast::Expr::MatrixSelector(window) => {
                let range_ms = self.millis(window.range)?;
                Expr::Window(self.selector(window.vs)?, range_ms)
            }
            ast::Expr::Subquery(subquery) => self.subquery(subquery)?,
            ast::Expr::Binary(binary) => self.binary(binary)?,
            ast::Expr::Aggregate(aggregate) => self.aggregate(aggregate)?,
            ast::Expr::Call(call) => self.call(call)?,
            ast::Expr::Extension(_) => {
                return self.fault(&self.everywhere(), "an extension is not supported");
            }
        })
    }

    fn selector(&mut self, selector: ast::VectorSelector) -> Converted<Selector> {
        let at = self.sites.selectors.get(self.selectors).cloned();
        let at = at.unwrap_or_else(|| self.everywhere());
        self.selectors += 1;
        let Matchers { matchers, or_matchers } = selector.matchers;
        if !or_matchers.is_empty() {
            return self.fault(&at, "\"or\" between matchers is not supported");
        }
        let mut ours: Vec<Matcher> = selector.name.map(Matcher::named).into_iter().collect();
        for matcher in matchers {
            let comparison = match matcher.op {
                MatchOp::Equal => Comparison::Equal,
                MatchOp::NotEqual => Comparison::NotEqual,
                MatchOp::Re(_) => Comparison::Matches,
                MatchOp::NotRe(_) => Comparison::MatchesNot,
            };
            let (value, place) = self.string(&matcher.value)?;
            match Matcher::new(matcher.name, comparison, value) {
                Ok(matcher) => ours.push(matcher),
                Err(fault) => return self.fault(&place, fault.to_string()),
            }
        }
        // All series there are is never meant.
        if ours.iter().all(|matcher| matcher.fits("")) {
            return self.fault(&at, "at least one matcher has to leave out an empty value");
        }
        Ok(Selector { matchers: ours, shift: self.shift(selector.offset, selector.at)? })
    }

    /// The string that the parser knows as the number of its token, and where it stands.
    fn string(&self, number: &str) -> Converted<(String, Range<usize>)> {
        let token = number.parse().ok().and_then(|nth: usize| self.tokens.get(nth));
        let string = token.and_then(|token| Some((unquoted(token.text)?, token.at.clone())));
        string.ok_or_else(|| Fault::new(self.text, self.everywhere(), "a string was lost"))
    }

    fn millis(&self, duration: Duration) -> Converted<i64> {
        match i64::try_from(duration.as_millis()) {
            Ok(millis) if (1..=DURATION_MAX_MS).contains(&millis) => Ok(millis),
            _ => self.fault(&self.everywhere(), "a duration is too long"),
        }
    }

    fn shift(&self, offset: Option<ast::Offset>, at: Option<ast::AtModifier>) -> Converted<Shift> {
        let offset_ms = match offset {
            None => 0,
            Some(ast::Offset::Pos(duration)) => self.millis(duration)?,
            Some(ast::Offset::Neg(duration)) => -self.millis(duration)?,
        };
        let at = match at {
            None => None,
            Some(ast::AtModifier::Start) => Some(At::Start),
            Some(ast::AtModifier::End) => Some(At::End),
            Some(ast::AtModifier::At(time)) => Some(At::Time(self.time_ms(time)?)),
        };
        Ok(Shift { offset_ms, at })
    }

    fn time_ms(&self, time: SystemTime) -> Converted<i64> {
        let after = time.duration_since(SystemTime::UNIX_EPOCH).map(|it| it.as_millis());
        let millis = match after {
            Ok(after) => i64::try_from(after).ok(),
            Err(before) => i64::try_from(before.duration().as_millis()).ok().map(|it| -it),
        };
        match millis.filter(|millis| millis.abs() <= TIME_MAX_MS) {
            Some(millis) => Ok(millis),
            None => self.fault(&self.everywhere(), "the time after \"@\" is too far away"),
        }
    }

    fn subquery(&mut self, subquery: ast::SubqueryExpr) -> Converted<Expr> {
        let range_ms = self.millis(subquery.range)?;
        let step_ms = subquery.step.map(|step| self.millis(step)).transpose()?;
        let shift = self.shift(subquery.offset, subquery.at)?;
        let expr = self.expr(*subquery.expr)?;
        if expr.kind() != Kind::Vector {
            let what = format!("a subquery is of an instant vector, not of {}", expr.kind().name());
            return self.fault(&self.everywhere(), what);
        }
        Ok(Expr::Subquery(Box::new(Subquery { expr, range_ms, step_ms, shift })))
    }

    fn binary(&mut self, binary: ast::BinaryExpr) -> Converted<Expr> {
        let left = self.expr(*binary.lhs)?;
        let at = self.sites.operators.get(self.operators).cloned();
        let at = at.unwrap_or_else(|| self.everywhere());
        self.operators += 1;
        let right = self.expr(*binary.rhs)?;
        let Some(operator) = operator(binary.op) else {
            return self.fault(&at, format!("the operator {} is not supported", binary.op));
        };
        let (gives_bool, matching) = match binary.modifier {
            None => (false, Matching::default()),
            Some(modifier) => {
                let fill = modifier.fill_values;
                if fill.lhs.is_some() || fill.rhs.is_some() {
                    return self.fault(&at, "fill is not supported");
                }
                (modifier.return_bool, matching(modifier.card, modifier.matching))
            }
        };
        let kinds = [left.kind(), right.kind()];
        if let Some(kind) = kinds.into_iter().find(|it| !matches!(it, Kind::Scalar | Kind::Vector))
        {
            let what = format!("an operator is between numbers and vectors, not {}", kind.name());
            return self.fault(&at, what);
        }
        let are_vectors = kinds == [Kind::Vector; 2];
        if operator.is_set() && !are_vectors {
            return self.fault(&at, "and, or and unless are between two instant vectors");
        }
        let has_matching = matching.on || !matching.labels.is_empty();
        if has_matching && !are_vectors {
            return self.fault(&at, "on and ignoring are for two instant vectors");
        }
        if operator.is_comparison() && !gives_bool && kinds == [Kind::Scalar; 2] {
            return self.fault(&at, "a comparison of two numbers needs bool");
        }
        Ok(Expr::Binary(Box::new(Binary { operator, gives_bool, left, right, matching })))
    }

    fn aggregate(&mut self, aggregate: ast::AggregateExpr) -> Converted<Expr> {
        let at = self.next_call();
        let name = aggregate.op.to_string();
        let Some(how) = Aggregation::by_name(&name) else {
            return self.fault(&at, format!("the aggregation {name} is not supported"));
        };
        let parameter = aggregate.param.map(|parameter| self.expr(*parameter)).transpose()?;
        let expr = self.expr(*aggregate.expr)?;
        let needs = match how {
            Aggregation::Top | Aggregation::Bottom | Aggregation::Quantile => Some(Kind::Scalar),
            Aggregation::CountValues => Some(Kind::Text),
            _ => None,
        };
        if parameter.as_ref().map(Expr::kind) != needs {
            let what = match needs {
                Some(kind) => format!("{name} takes {} and an instant vector", kind.name()),
                None => format!("{name} takes an instant vector and nothing else"),
            };
            return self.fault(&at, what);
        }
        if expr.kind() != Kind::Vector {
            let what = format!("{name} is of an instant vector, not of {}", expr.kind().name());
            return self.fault(&at, what);
        }
        if let Some(Expr::Text(label)) = &parameter
            && !is_label_name(label)
        {
            return self.fault(&at, format!("{label:?} is no name of a label"));
        }
        let (without, labels) = match aggregate.modifier {
            None => (false, Vec::new()),
            Some(LabelModifier::Include(labels)) => (false, boxed(labels)),
            Some(LabelModifier::Exclude(labels)) => (true, boxed(labels)),
        };
        Ok(Expr::Aggregate(Box::new(Aggregate { how, parameter, expr, without, labels })))
    }

    fn next_call(&mut self) -> Range<usize> {
        let at = self.sites.calls.get(self.calls).cloned();
        self.calls += 1;
        at.unwrap_or_else(|| self.everywhere())
    }

    fn call(&mut self, call: ast::Call) -> Converted<Expr> {
        let at = self.next_call();
        let name = call.func.name;
        let Some(signature) = function::by_name(name) else {
            return self.fault(&at, format!("the function {name} is not supported"));
        };
        let mut arguments = Vec::with_capacity(call.args.args.len());
        for argument in call.args.args {
            arguments.push(self.expr(*argument)?);
        }
        if !(signature.fewest..=signature.most).contains(&arguments.len()) {
            let what = match (signature.fewest, signature.most) {
                (fewest, most) if fewest == most => format!("{name} takes {fewest} arguments"),
                (fewest, most) => format!("{name} takes {fewest} to {most} arguments"),
            };
            return self.fault(&at, format!("{what}, not {}", arguments.len()));
        }
        for (place, argument) in arguments.iter().enumerate() {
            let expected = signature.takes.get(place).or(signature.takes.last());
            if let Some(expected) = expected.filter(|expected| argument.kind() != **expected) {
                let (nth, found) = (place + 1, argument.kind().name());
                let what =
                    format!("argument {nth} of {name} has to be {}, not {found}", expected.name());
                return self.fault(&at, what);
            }
        }
        let pattern = self.texts(signature.function, &arguments, &at)?;
        let function = signature.function;
        Ok(Expr::Call(Box::new(Call { function, arguments, pattern })))
    }

    /// What strings have to be for the functions that change labels.
    fn texts(
        &self,
        function: Function,
        arguments: &[Expr],
        at: &Range<usize>,
    ) -> Converted<Option<regex::Regex>> {
        let texts: Vec<&str> = arguments
            .iter()
            .filter_map(|it| if let Expr::Text(text) = it { Some(text.as_str()) } else { None })
            .collect();
        let labels: Vec<&str> = match (function, texts.as_slice()) {
            (Function::LabelReplace, [destination, ..]) => vec![*destination],
            (Function::LabelJoin, [destination, _, sources @ ..]) => {
                std::iter::once(*destination).chain(sources.iter().copied()).collect()
            }
            _ => return Ok(None),
        };
        if let Some(label) = labels.iter().find(|label| !is_label_name(label)) {
            return self.fault(at, format!("{label:?} is no name of a label"));
        }
        let (Function::LabelReplace, Some(pattern)) = (function, texts.get(3)) else {
            return Ok(None);
        };
        // The matcher knows the limits of a pattern.
        let checked = Matcher::new(NAME, Comparison::Matches, *pattern);
        match (checked, regex::Regex::new(&format!("^(?:{pattern})$"))) {
            (Ok(_), Ok(pattern)) => Ok(Some(pattern)),
            (Err(fault), _) => self.fault(at, fault.to_string()),
            (_, Err(error)) => self.fault(at, error.to_string()),
        }
    }
}

fn operator(operator: ast::token::TokenType) -> Option<Operator> {
    Some(match operator.to_string().as_str() {
        "+" => Operator::Add,
        "-" => Operator::Subtract,
        "*" => Operator::Multiply,
        "/" => Operator::Divide,
        "%" => Operator::Modulo,
        "^" => Operator::Power,
        "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        ">" => Operator::Greater,
        "<" => Operator::Less,
        ">=" => Operator::GreaterOrEqual,
        "<=" => Operator::LessOrEqual,
        "and" => Operator::And,
        "or" => Operator::Or,
        "unless" => Operator::Unless,
        _ => return None,
    })
}

fn matching(card: VectorMatchCardinality, labels: Option<LabelModifier>) -> Matching {
    let (many, include) = match card {
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => {
            (Many::Neither, Vec::new())
        }
        VectorMatchCardinality::ManyToOne(labels) => (Many::Left, boxed(labels)),
        VectorMatchCardinality::OneToMany(labels) => (Many::Right, boxed(labels)),
    };
    let (on, labels) = match labels {
        None => (false, Vec::new()),
        Some(LabelModifier::Include(labels)) => (true, boxed(labels)),
        Some(LabelModifier::Exclude(labels)) => (false, boxed(labels)),
    };
    Matching { on, labels, many, include }
}

fn boxed(labels: promql_parser::label::Labels) -> Vec<Box<str>> {
    labels.labels.into_iter().map(String::into_boxed_str).collect()
}
