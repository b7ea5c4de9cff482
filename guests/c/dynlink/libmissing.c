/* A library that needs what nobody has. */
int nobody_has_this(int x);

int missing_run(int x)
{
    return nobody_has_this(x);
}
