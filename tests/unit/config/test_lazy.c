/* The pure-Python style. */
#include "config_test.h"

static void names_become_dotted(void **state)
{
    assert_config(*state,
                  "from mmengine.config import read_base\nimport torch.nn as nn\nimport mmcls.models\n"
                  "from mmseg.models import FCNHead, ResNet as R\nfrom .local import Thing\n"
                  "model = dict(type=FCNHead, b=R, act=nn.ReLU, deep=mmcls.models.heads.X, t=Thing)\n",
                  "{'model': {'type': mmseg.models.FCNHead, 'b': mmseg.models.ResNet, 'act': torch.nn.ReLU, "
                  "'deep': mmcls.models.heads.X, 't': .local.Thing}}");
    value *cfg = evaluate(*state, "from mmseg.models import FCNHead\nh = dict(type=FCNHead)\n");
    assert_int_equal(value_find(cfg, "h.type")->kind, V_NAME);
    assert_string_equal(value_type_name(value_get(cfg, "h")), "FCNHead");
    assert_string_equal(value_json(*state, cfg, 0), "{\"h\": {\"type\": \"mmseg.models.FCNHead\"}}");
    assert_string_equal(value_python(*state, cfg), "h = dict(type='mmseg.models.FCNHead')\n");
}

static void bases_are_imported(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "_base_/model.py",
               "from mmseg.models import FCNHead\nmodel = dict(head=dict(type=FCNHead, n=1), k=2)\nunused = 3\n");
    write_file(*state, dir, "_base_/sub/data.py", "root = 'x'\npipe = [1, 2]\n");
    char *path = write_file(*state, dir, "exp/c.py",
                            "from mmengine.config import read_base\n\nwith read_base():\n"
                            "    from .._base_.model import *\n    from .._base_.sub.data import pipe as p, root\n"
                            "model.update(dict(head=dict(n=5)))\nmodel.head.m = FCNHead\np.append(3)\n"
                            "merged = model.head\n");
    assert_string_equal(
        repr_of(*state, load(*state, path)),
        "{'model': {'head': {'type': mmseg.models.FCNHead, 'n': 5, 'm': mmseg.models.FCNHead}, 'k': 2}, "
        "'unused': 3, 'p': [1, 2, 3], 'root': 'x', 'merged': {'type': mmseg.models.FCNHead, 'n': 5, "
        "'m': mmseg.models.FCNHead}}");
    char *merge =
        write_file(*state, dir, "exp/m.py",
                   "from mmengine.config import read_base\nwith read_base():\n    from .._base_.model import model\n"
                   "model.merge(dict(head=dict(_delete_=True, type='New'), k=dict(z=1)))\n");
    assert_string_equal(repr_of(*state, load(*state, merge)), "{'model': {'head': {'type': 'New'}, 'k': {'z': 1}}}");
}

static void absolute_bases_are_found_in_packages(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "mmdet/configs/_base_/x.py", "a = 1\n");
    char *path = write_file(
        *state, dir, "mmdet/configs/exp/c.py",
        "from mmengine.config import read_base\nwith read_base():\n    from mmdet.configs._base_.x import *\n");
    unsetenv("CSEG_PACKAGES");
    unsetenv("PYTHONPATH");
    assert_string_equal(repr_of(*state, load(*state, path)), "{'a': 1}");
}

static void faults_are_named(void **state)
{
    char *dir = new_folder(*state);
    const char *head = "from mmengine.config import read_base\nwith read_base():\n    ";
    write_file(*state, dir, "base.py", "model = 1\n");
    write_file(*state, dir, "text.py", "_base_ = 'base.py'\n");
    const struct {
        const char *line, *message;
    } cases[] = {
        {"from .none import *\n", "c.py:3:5: the base does not exist (there is no "},
        {"from .base import modle\n", "c.py:3:23: the base has no 'modle'; is 'model' meant?"},
        {"from . import base\n", "write 'from .module import ...' to read a base"},
        {"x = 1\n", "within 'with read_base():' stand only 'from ... import ...'"},
        {"from .text import *\n", "text.py:1:1: a config in the pure-Python style cannot have '_base_'"},
        {"from .c import *\n", "c.py: is a base of itself\n  read as a base of "},
        {"from no_such_package.x import *\n", "the package 'no_such_package' is not found"},
        {"from base import *\n", "a base is a module within a package, not the package 'base' itself"},
        {"from .base import *\nfrom mmseg.models import *\n", "'import *' outside of 'with read_base():'"},
        {"from .base import *\nfrom mmseg.models import FCNHead\nx = FCNHead(1)\n",
         "mmseg.models.FCNHead is imported and cannot be called in a config; write dict(type=...)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_load_fails(*state, write_file(*state, dir, "c.py", arena_printf(*state, "%s%s", head, cases[i].line)),
                          cases[i].message);
    write_file(*state, dir, "lazy.py", "from mmseg.models import X\na = X\n");
    char *path = write_file(*state, dir, "t.py", "_base_ = 'lazy.py'\n");
    assert_load_fails(*state, path, "t.py:1:10: 'lazy.py' is written in the pure-Python style");
}

/* Templates are a matter of the text style: here {{ }} is a set in a set, as in Python. */
static void braces_are_not_replaced(void **state)
{
    assert_config(*state, "from a.b import C\nx = '{{ fileBasename }}'\n", "{'x': '{{ fileBasename }}'}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_become_dotted), TEST(bases_are_imported),      TEST(absolute_bases_are_found_in_packages),
        TEST(faults_are_named),    TEST(braces_are_not_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
