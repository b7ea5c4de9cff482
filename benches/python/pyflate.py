"""A decompressor of deflate in plain Python: bits, Huffman tables, bytearrays."""
import base64

TEXT = (
    r"""g<M;5<Twue=P7&yi6SZKINlylyJPy{Xxkexw_k|>iA<2y`%|{d5=D`CBoY9>{doTR^7Q5P`P<K@k8dx(pFUoHzdZl-^!EAw`"""
    r"""t<wd{pF*5^WW$1pD$1EKcC;;Uw?h*pWlCd`KMj5mm}z}Uq4^oKXlZ;KYxDt`1b4P)0gM(-`lnI_j>c&=k=QmR=@o5^5fU<f1"""
    r"""mcf1RSN#N51&``T70(HLv>BnwR#_|9t!X@!IEqzgE4Xe&9UcKb}8c<N~=xzBtxBy#Bhz$H#s=|L6OQu0tK8&hgFGtp2?%YpC"""
    r"""y0|MBD3U!VOZ8M`m)bxpm)KI$#)mCC*Z`BxpB-?#njTd?mj;Ci+TWHogm>woHd$(S;sviH5x>B{%tsyN7N$o+AXSCge`kC4C"""
    r"""YedO+#VzBLo1(X@d?`?>BUpmg9&%C!urzGFVO}2-)h<z>UbN94|I%j+d6tVZV$-32X4<Zq_#CLg;X<T>70Q?M<ihEGm*<m}5"""
    r"""^N>;Hp(bA_Q1Mv8@0YLl0?F4TAa;8jz5b!A4HDa)shgCJ73D_8)c@7D@4M2!ye^Js4zPQ?xAh;g1#w+vd8-(yyx`~}2cqq`n"""
    r"""6?o0w?6A_EdiAs_eO-I-h>)t8(ANw>(wkzK7uK{>Ni|gfA3Ep%p5#yzcg9ySKD`A3o=pvCS{ZF*VN6B$~xK_91&ltjiF0gCz"""
    r"""DDHGK9!SeK?7P-^=>X(j=h%g#)T>t-JHj%fD@AxPO-oC6Q@QlDX=e%We674j3n}&amaqrlSypCdYW9)S}hF-J=B+HE&xfvpz"""
    r"""4Y(^gV%H~XRAkdFWl0H$27PqBnLNj3uQCs`=jmbM+VNiw9mq$<+q<sSRQ*(u6pRlCT#u|b#5BW2wzSb8yL^)WKDawN0FI`I1"""
    r"""|>;}${+`Nu`Uno0#CS4F2q24FzY<gBd>@l;q(|y?1EugV${!5(2FopVYUS1I<4F&-WBT30<(gCjQ`>re4=PCbX7pD_$UI;D7"""
    r"""W#~~g#D$X>^h*I*HDlNQwZ^3L=wHcr_*ox(UNcr}V5Ukwbx^h0^<k>~42SM*iQ5wNdi|lE2p7B#v91?9sNzH$Q(p}nAq)HE%"""
    r"""3&u6rGYOtH+`%*fJ~WgpzAXwH9vc;hE53WnY^|633Vj*`du<7!r5_w4Qo~ltpEwodbZVIm6DOV{?%*arFgP4^%Bq#5ZjWs;H"""
    r"""3e4sP5b?GiN>nyp60qf-l)|6xB7Z0rc}50DP8WcGx<`TJ{Mb8?a7&Kz+llYypfY%3EJ8{)+%0+W${O1Q$R9|6#Jk&O+{xjnA"""
    r"""d8DJ<B`?1O75=?nzG*yR9F=(Cs0b6VTe>MD4PO^ea*MRSYDfTnP4xB(^~rZ}(yG$L(|;`~d;Y#VHwK;Ze!4JBbDCy%)eCqfe"""
    r"""jF{TZGznz`!zo?hm6<9h{OK`u#uJsuFyo*TzF{$$hqoBXbOWzs@6Qpe?kz=fH&Q3>Dm0LCbU{FXa<0T~H+h7O=c0%9swsPB1"""
    r"""aH&T0?1Jq<+rV?A+zqJPAA7&1E7wNsSIF`P5D-9i8~j0_D#2OF=)Ay1xY)Qs3~w3hyOwncJg%;>1H+&j=ebMhs(Z)|+FV}TQ"""
    r"""vj0+ibfM8hh~v)TuMNbWVn!KE6C$=k?6eZm+~u#55o6ZEZSe?2CGw#j^JGG*)C6l0fX@ZsLb_|TfA@rf(Ud=G9TXlcp-4~Gq"""
    r"""h9;z>x&fA9WJzo&)c=`Bb$mo-FY{&%Fd*E%4Gkd_{1T_9J)!k~b3pm8;OJP)var>AR#w{WXDOwu!tT^}j_tHnK0W{uFM!AuR"""
    r"""0A&;WFcfv}*nloPy0zHz%uF)toZ69X&zI0i(iU|(jB&I9N&di=I@5q2?FT@r%zGQoH%Nk*P`^sSeXLwe`7qKrrgE`$8buj`^"""
    r"""w2iOpq0LT$)SU#01n}rN6WQAP>rd55@+BKEL4Rv~qo#a!-J<lW-+YzQ+1P8i_hB`}^B_MCm79ydc>j!UCN&xXkgCU>{T$ns?"""
    r"""k4G3>E4~&`fwUw>;)yeFi<~c0fS8YT8)66MvgqGrNRJEEH=_lF<`}V~igr<<f6D!N-N>f`0!Fa1UX~aXr@tR*8Ezmm2CN$$U"""
    r"""&a7jjJ%*)I$931!c(?NZrQdH=p8@~$b6PdCV6)E1`I);g^MVohW6{nt!dy^>*c`6cv}j%ci(m0-+YJzfWX)+3MkN+#25pa57"""
    r"""so5R|yCM8g!&`hR}?hZoHh6g-BJ99Ng8gdt1W<#Uf5@aN;K1uUK~G5>Tw&MyHrDB0(5{mhQXJ(JU|Z-}^O7oJaE-@RgUhn|2"""
    r"""odb>{USzB2F=v}JYVblax3e&{TS)2z6z#qmS-fJ1`jcfNMM3-uZ|`nb>^IU5x7QDKy_IRj%V=Om5S*!Gr60eZ7LJb5#_8Y0{"""
    r"""&6Hzb9B?V#_WMndGV8-<#&^%l)S*WuVGJOA!tf##<#T0<QZNVkwz~k7(V66AGIR*~Z;Kf)6Tx<!Bs1ys}2yl945~j0W5wxro"""
    r"""`A!_$ED&yv<ZISr&eId;UjyrH7u#{$SZC9`IWe_^iRxhGaAb2|V}vmn&7ls~hg_bMiFnjWL>XgtwuSTWwp;6V1m;D2mJp3C;"""
    r"""!h$3FffsfT-Wpo6OAE(<D;${j&&Oe`MO5(`1Y735o2V~5~)3V1?JGv)t9pa)8;G3ki$ZFFexJ)zs3_iDTDo6c+f8?rBn*0Ic"""
    r"""YOIiDcU8JY%1vtbELSz&&wBj?|0(km2@bt5KeMK-|M?&`EFe&I=UH%qH4z@t^5*0ti9;B-BNqY73T^7|;zi`Rk@sKDRx2j>r"""
    r"""aj$iwHX7{|dyRBYfM>Ql?+qHnUhR8v7CpVx9APy<jckKp88CFA#|FU|@u{fB8w$VCIIzaK4A3Srq~z3)qxBlyw<=hZdnJNJN"""
    r"""w3d44=uSd=S&5FylG%!OT;LgyJS%I-RhCqX-(BaHPZnFymYOfA-<WqnX@-|Jgnq*@@%kqPAYo_WZ2*}@nCS#C>!k_lc$vyy?"""
    r"""-ek!vOY=8~G9ei`@}BW>sg9g~0F`FOjSQ$|F*%jMB99jF%@vx+MnFz2pN&?*?5tigwVi0GIto}fEm)Zm?{M)LQH%!hj5{+$;"""
    r"""A^Kzc4VsiO3UlG#HGc<Fa=wqv@1<cKoJ$41k7)v4b;BbPRF|wZ8C{(;!y$%J0Nj_R<bndLR_TVy6;Zl2>!AYfJDo7=bcH42("""
    r"""Ev+U?6cOabRgZ)l{#_rvkq})aiLAZKJU@C`)vdyR4{Z-05*<-I)&P>#G#g-cqV2BWS-zgJ_{}ac^iEMD=CxM#r{?dB(_9s}T"""
    r"""+IkbW15II@+{p%<U9a@(<ySAp1Q<kmI=iWAO!wm!$!h;Q}_F0T%e8ju6xlP`}U0w$jTnt<%=Bh~NZ8o7Sm3NP@Cd3U*squ&B"""
    r"""?2N?j1R2~7CX3~}%xa<NwEXt{S5%FwUV~Qb+nn&LBqTtN7)MR>KwQwUR@zfnfY;*b@QHIL}TQyxP-=b6m1d?FYiL`2USbOpm"""
    r"""Jeq0u5-oB_J@56&MMa3Gw&GZL1|zuJK;YFoT9Jq%WemcG?1#%Z_IeM8F`Rgi+5(JMUTtZX3|+S?XPLy7?Zu<KI0b<yVKpCt3"""
    r"""xNB!WvJhp)Js|Y1yS)RGsoq-fQPg@!0rOD-p>{Rd1iIY*~kcX#e{+1;z0~N6;;~pJ_CyN)|F9A<-h_M-e{BwUlI!nM%$xRey"""
    r"""67aXXOgwZgMMD)%|76W3s?hzCGBW;gPz_K*A8Q=D@u(*@i$PEm%G^<j*z5xh-mxF!xe73`;rKAb?ZC&$IMk&(wgFXqKxm*tT"""
    r"""vR8<<F0kOoE`Y_)S@l1J}Z5qovE)k>i+SegW3B^NvxE2_EB6a#@rk~1+KvR*emJ1r6*A;izz6Q=W61p#}VLoPiVNEm&R=^oP"""
    r"""=Zq!s7{W$8+pasGUESp!9nIcZue26NTFt4&#*28;j&T5z#oF%y8Z`mb?C>b@dz<6}nc0MjzFl{2h*<o)`>Lq7h|IEizDRFMW"""
    r"""A1ea{OP~&(1@V8oQqjBSV!~AdG()2WD9$)sifr!UP+voja2H|AJZlHe=G-VjhiGCbB=7}@$HE~O!<l9l!DldGFMpj&bR<)^y"""
    r"""C%bEck7@>E28(Y(fjLzvIrMa31m5XTMo<*cHSCz);)l@51a$)DqA){OhAn6N&Aqzt1=l!G6KSXCuK)e_4GnG@&L2|#_Nv3`o"""
    r"""3r#xg%F)E>xX?$vEyPGbTuGD_bP%(7CbtD@K$|s7Zv~nfuZ2as6Mugc5^w%p3wF#bNMrc;;R10#rY|5LfecX=hPnKiyPD6^7"""
    r"""KtwLf7^Xs63T_B;&*6rVsmGPGzCd!LwAzfcguy@QjL?PNniGe7o<U|Po&x^~D}0TC|QPy{)YjFmOG-W5Q#?9y#PUAgU@(q!("""
    r"""Ui5>-8XKr{LGl00xV*}NBYKD`lnbBC-oON?Okq;1`VlOkmF+q(mRMa~OBHVFTyrTHyY}naNsXPbSx1|>xd1lS}?NH~|3zHMu"""
    r"""0{#sAU|jON&VJ4e-^KRKpg^gR#Y@hh?AJr?3qX3nY`0)*D1=OLqe6^Xl_~7&kyqkQ*#dC!=N~HV$;il7?#E6fy`%g{DDk_rH"""
    r"""oK#bMM7kfKW+3@IjI0($|91awgoFILubdeOj&-!3PWx4jjnT^qz+lMtb}N+T?H7jExoge)}2hP1sPP{WHxU*l**d*2@XvEB%"""
    r"""S?+<*mBZv;F|j0u$X2gHVJqV;`ZXtczKzuJ@&`6x71DpnpJ4BDqRPc2$&is={!0gS&nN?ocK>mt*{MO+8h*J>>Os#P(PYEl~"""
    r"""lKDqRjChAg$lo9u8tt^ZM4&@#YhN(cBlN%WpO<UqKZ#1Z?Nap(buk?2H2P%q%!F0ix`8)2Jz2kpF?-se~E*0TrvzNb@UU-IH"""
    r"""Bmmh{uoF41Nj}xPKM(AXRoat9<<3THb>}zmE4@Ql0Y2Yn*DII}IR1i7L3ha;68QPYCqGYi{;}jPXEqN@hlMw3(0By=1A!Ezo"""
    r""")rGe)vCp06J+ee&k*(qo1D08RIwA_JcJ=~VVh&(E7}}3?KbD5)6b7dE&6noSAu3n>*p4{)#OIGyoz0o84~4cOFm`PgQQf%;T"""
    r"""5~S&BBtMtm}qK=!5{lc_ArX^?lN!`9$YhEFVfw|X@M>l6l<KV1>MhFl%yH*WeL7Nl5Hr-Yww4h*Ms7*AJm+QM|fzr>N+n&8O"""
    r"""rRjI*&R2HHB$?AUwv25O)Hq|JW8djbb?T0MH8gqsCR@$s>dYecpx*N8B~B0+9*?*%&dfTsxJ~BIhGuf*P{EjF*Pcn8JGz)ZB"""
    r"""Q2S^gi|bwOc4w5I6bSOfK<JahS(W{G1Ojw5iC#84;b=U5{JiQHOC)TB#dnEC_;U_v^brG^+}4JTzn`vrd{-Peu+9gFe?rBv0"""
    r"""-TWg@RWW|JQeZ==~2h&jihsT1+X`NMlNL&*(K}-sPdK{Tc7_*;{y{ocrx#{M-moRAs;-+IM3D<@~3WZUc&E~Fa3X`)e(0AG!"""
    r"""-iIQL<y~*C!k$ZXI(wwHDD6OJk80r(N~Im?g6x7g9aKxO^>1TKGJ2b>Io8?n2Pi*@_<S&K80E7AhMX0#L7LQ9cj%MgHl^<fA"""
    r"""0c`=uHbtXU{TmA>yaW>?Rf2VqB1KjWupuL>*x&rNG+mvO={~M*;%j7d6`t!Px_zCY(uy(z>wZz0|((u(B7DRhof-VIsqi+{e"""
    r"""`)}jPl+p$I%x}%9OdWcfA5=@1q!TVhN1WJ%l&Xmi+l3)0X7cPZfJ-%V2wEE%{)-80^6A+=Xp?E`jd_Xwj(U@_l8|787y!XnG"""
    r"""tDshwCLE)xg0r9U2v<JJ+}yz54_+6QgsOab2w_XdH_SaQ=wOud4AIGP5LXgs*2vvaf<0JU;UlvlhfEt+ir%%rw$2!TM+$Ljm"""
    r"""OP+M#$)Dy1|LW9{}qNDD+;hg2SR4SqBc3jieB#(-Pr76D5P>%#F)Uxc29ZD@IqlNBwtrW(Zp0UK)=ANd3R@w0Y3nyaK-7Lqr"""
    r"""q%a<ghR(T1+xvp2kFYehdx&O=trO`%Kch*el{?(W-+(Q6R5RxL81tm!9)J~_Iz471o?&_<*YM1t+@7-$TMDxbkZ-;0!<Kk3O"""
    r"""%Dfjn5LAyoyJF<m}m+5fcIfD9WJ5?hZ<ROmFw9&J=(&t=zc<1=8cQ)XUr88fvu4a!U64o^&zuO6pZP!Zd$Pz7nK^%+M%S7^Z"""
    r"""<5_eA0eF>q~S*E-TgDlQm|qM^NHEE)PPg;mC#|>tV3fYQ=S^t+g-u!$PJ-=^*lN-0gQCbm7X>=b5ZYc#8kNTcdoX+IXgxZ{l"""
    r"""!gjVPOFk_1?`cL5C16P|Q4$)HZ7V?5W#FwfR18XlzAfWv%rED_^?T(YkfrS3%ty7kDD__*R8bfocORyzT5MIjazYEy2YD_Ln"""
    r"""x-l%f^Y!`9pK;Vou0MNxac+a)uFo}B^4<R82E)--Y=QOLa=a|6&`+A&?2gbJp8+f_ri2)zT8CW@Z`kh4~(vo4UxiH<~6(T<e"""
    r"""X&o*=8DmdHp83XEv(kE`<|LThh6*cxDk8z?J!@qjjx<REbkw^RI3Nb$6jmrcyM8Zh&A!iAoe=KO9y2LS_PTv@bz^G_0IPXn^"""
    r"""U49hl<h>5ONfKzOAmX<8ytxO;)YhR+ilsiGa*p4OC~LB$QeT*c(*r9THWRZw$&rId~?o|4y;i>9Zhg&K{1O#CvKpdpb}4miv"""
    r""">y=d}xh*PgIF^TZ7ptgp>2Z&Rz4wQ@98+ilm!6Hub<$R|Z?@<z5=&uIPG((f=TYzFe<P=&+6$?$8?8cW?u2D^hFQc+fa9<sg"""
    r"""^~zZ)O?8O5G>2fIi^>}#VZ(0vZsY@|MKPS~9uhNmJu52tJsZ^G&WrQ~=B2PDw=RmlcmlYZsM&XPQ5!;6jQ1z=b__6no?>iHd"""
    r"""GT^ioK7Aod;T7qry9Xo<?;H=uQ1TNzB7;ONn7z6N9?Mvd5ZQNNJyh#yGgBTAiW~fA+2)-gk&_z7|2L"""
)


class Bits:
    def __init__(self, data):
        self.data = data
        self.at = 0
        self.held = 0
        self.count = 0

    def need(self, n):
        while self.count < n:
            self.held |= self.data[self.at] << self.count
            self.at += 1
            self.count += 8

    def read(self, n):
        self.need(n)
        value = self.held & (1 << n) - 1
        self.held >>= n
        self.count -= n
        return value

    def align(self):
        self.held >>= self.count & 7
        self.count -= self.count & 7


class Huffman:
    """Symbols by (length, code), as canonical codes are."""

    def __init__(self, lengths):
        self.symbols = {}
        code = 0
        for length in range(1, max(lengths) + 1):
            for symbol, each in enumerate(lengths):
                if each == length:
                    self.symbols[length, code] = symbol
                    code += 1
            code <<= 1

    def read(self, bits):
        length = code = 0
        symbols = self.symbols
        while True:
            code = code << 1 | bits.read(1)
            length += 1
            symbol = symbols.get((length, code))
            if symbol is not None:
                return symbol


def bases(extra, first):
    """(base, extra bits) of each code."""
    found, base = [], first
    for n in extra:
        found.append((base, n))
        base += 1 << n
    return found


LENGTHS = bases([0] * 8 + [n for n in range(1, 6) for _ in range(4)], 3)[:28] + [(258, 0)]
DISTANCES = bases([0, 0] + [n for n in range(14) for _ in range(2)], 1)
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def dynamic_tables(bits):
    n_literals, n_distances, n_codes = bits.read(5) + 257, bits.read(5) + 1, bits.read(4) + 4
    lengths = [0] * 19
    for i in range(n_codes):
        lengths[ORDER[i]] = bits.read(3)
    codes = Huffman(lengths)
    lengths = []
    while len(lengths) < n_literals + n_distances:
        symbol = codes.read(bits)
        if symbol < 16:
            lengths.append(symbol)
        elif symbol == 16:
            lengths += [lengths[-1]] * (3 + bits.read(2))
        elif symbol == 17:
            lengths += [0] * (3 + bits.read(3))
        else:
            lengths += [0] * (11 + bits.read(7))
    return Huffman(lengths[:n_literals]), Huffman(lengths[n_literals:])


def fixed_tables():
    return Huffman([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8), Huffman([5] * 30)


def inflate(data):
    bits, out, last = Bits(data), bytearray(), False
    while not last:
        last = bits.read(1)
        kind = bits.read(2)
        if kind == 0:
            bits.align()
            size = bits.read(16)
            bits.read(16)
            out += bytes(bits.read(8) for _ in range(size))
            continue
        literals, distances = dynamic_tables(bits) if kind == 2 else fixed_tables()
        while True:
            symbol = literals.read(bits)
            if symbol < 256:
                out.append(symbol)
                continue
            if symbol == 256:
                break
            base, extra = LENGTHS[symbol - 257]
            size = base + bits.read(extra)
            base, extra = DISTANCES[distances.read(bits)]
            start = len(out) - base - bits.read(extra)
            for i in range(start, start + size):
                out.append(out[i])
    return bytes(out)


def crc32(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0xEDB88320 if n & 1 else 0)
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


packed = base64.b85decode(TEXT)
for _ in range(24):
    text = inflate(packed)
print(len(packed), len(text), f"{crc32(text):08x}")
print(text.splitlines()[-1].decode())
