"""Renders templates: a table of rows, and one with filters, macros and loops."""

import minijinja

ENVIRONMENT = minijinja.Environment(
    templates={
        "rows": "<table>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>"
        "{% endfor %}</table>",
        "list": "{% macro item(one) %}<li class='{{ loop_class(one) }}'>{{ one.name|upper|escape }}: "
        "{{ one.price * 2 }}</li>{% endmacro %}"
        "<ul>{% for one in items if one.price > 3 %}{{ item(one) }}{% endfor %}</ul>",
    }
)
ENVIRONMENT.add_global("loop_class", lambda one: "odd" if one["price"] % 2 else "even")
ROWS = [[f"cell <{row}/{column}>" for column in range(10)] for row in range(50)]
ITEMS = [{"name": f"name {number}", "price": number} for number in range(100)]


def bench_render_table():
    ENVIRONMENT.render_template("rows", rows=ROWS)


def bench_render_macros():
    ENVIRONMENT.render_template("list", items=ITEMS)


def bench_evaluate():
    ENVIRONMENT.eval_expr("(a + b) * c - d // 3 == 7 and 'x' in e", a=1, b=2, c=3, d=4, e="axb")


def bench_parse():
    template = "{% for a in b %}{{ a.c|default('d')|title }}{% endfor %}" * 20
    minijinja.Environment(templates={"t": template}).render_template("t", b=[])
